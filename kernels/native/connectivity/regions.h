// What the solver needs to know of one leaf: region[cell], the root of its singular region, -1 for none; `only`, the
// one singular region in the leaf, -1 for none, -2 for several; pieces[cell], the number of its piece, 1, 2, .. by
// size, 0 in pockets; piece_count, how many these are; pinned[cell], 1 at the first cell of each pocket, a singular
// region of one piece that no face of the leaf links. Adds the leaf's cells to size[root] of their singular regions.
const int b = slot;
const bool only_whole = only.data[b] == WHOLE;
HP_SHARED int own[L];
HP_SHARED int count[L];
HP_SHARED int number[L];
HP_CELLS {
    own[l] = label.data[b * L + l] < 0 ? L : label.data[b * L + l] - b * L;
    count[l] = number[l] = 0;
}
HP_SYNC;                                            // lane 0 reads the labels, and counts
auto pocket = [&](int piece) { return parent.data[piece] == piece && !leaks.data[piece] && !linked.data[piece]; };
if (lane == 0) {
    int found = 0, single = -1;
    if (only_whole) count[0] = used.data[3 * b] * used.data[3 * b + 1] * used.data[3 * b + 2];
    else
        for (int l = 0; l < L; ++l)
            if (own[l] < L) ++count[own[l]];
    for (int l = 0; l < (only_whole ? 1 : L); ++l) {
        if (!count[l]) continue;
        const int piece = b * L + l, root = parent.data[piece];
        if (!leaks.data[root]) {
            single = single == -1 || single == root ? root : -2;
            count_in(size.data + root, count[l]);
        }
        if (pocket(piece)) continue;
        ++found;
        number[l] = 1;
        for (int other = 0; other < L && !only_whole; ++other)
            if (count[other] && other != l && !pocket(b * L + other))
                number[l] += count[other] > count[l] || (count[other] == count[l] && other < l);
    }
    only.data[b] = single;
    piece_count.data[b] = found;
}
HP_SYNC;                                            // numbers are there; all read them
if (only_whole) {
    const int piece = b * L, root = parent.data[piece], singular = leaks.data[root] ? -1 : root, alone = pocket(piece);
    HP_CELLS {
        const bool inside = own[l] < L;
        region.data[piece + l] = inside ? singular : -1;
        pieces.data[piece + l] = inside && !alone;
        pinned.data[piece + l] = l == 0 && alone;
    }
    return;
}
HP_CELLS {
    const int i = b * L + l, piece = label.data[i], root = piece >= 0 ? parent.data[piece] : -1;
    region.data[i] = root >= 0 && !leaks.data[root] ? root : -1;
    pieces.data[i] = piece >= 0 ? number[own[l]] : 0;
    pinned.data[i] = piece == i && pocket(piece);
}
