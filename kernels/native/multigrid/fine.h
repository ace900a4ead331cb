// The finest level's operator, from A in brick order.
const Level g = level_at(0);
const long long n = (long long)leaves * L;
HP_SLOT_ROWS(b, leaves) {
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b;
    if (x >= u[0] || y >= u[1] || z >= u[2]) continue;
    constexpr int V = HP_ROW_LENGTH;
    const int count = u[2] - z < V ? u[2] - z : V, cell[3] = {first[2] + z, first[1] + y, first[0] + x};
    const long long row = g.row(cell[2], cell[1]) + cell[0], i = (long long)b * L + l;
    M *s = g.part(S) + row, *d = g.part(D) + row;
    const bool open = g.open();                                                // else s stays zero
    auto copy = [&](int v) {
        if (open) s[v] = M(leak.data[i + v]);
        d[v] = M(FIRST) / M(diagonal.data[i + v]);
        for (int axis = 0; axis < DIMS; ++axis) g.part(C + axis)[row + v] = M(conductance.data[(2 * axis + 1) * n + i + v]);
    };
    if (count == V) {
        HP_ROLLED for (int v = 0; v < V; ++v) copy(v);
    } else {
        for (int v = 0; v < count; ++v) copy(v);
    }
    if (!g.wraps(0)) continue;
    g.seam(s - cell[0], cell[0], cell[0] + count);
    g.seam(d - cell[0], cell[0], cell[0] + count);
    for (int axis = 0; axis < DIMS; ++axis) g.seam(g.part(C + axis) + row - cell[0], cell[0], cell[0] + count);
}
