// values = A, entry by entry; `place` says where in values each face's coupling is, -1 for none, and last the diagonal.
HP_SLOT_LANES(i, n) {
    for (int d = 0; d < DIRECTIONS; ++d)
        if (place.data[d * n + i] >= 0) values.data[place.data[d * n + i]] = 0.0;
    for (int d = 0; d < DIRECTIONS; ++d)                      // a periodic axis of two cells: two faces, one entry
        if (place.data[d * n + i] >= 0) values.data[place.data[d * n + i]] -= conductance.data[d * n + i];
    values.data[place.data[DIRECTIONS * n + i]] = diagonal.data[i];
}
