// Red-black DILU: weight = 1 / e, with e = d in red rows and d - sum of c^2 / d_across in black ones; coupling = c.
//
// Where a periodic axis has an odd number of cells, the cells on its two ends have one colour. Such a pair is left out
// of L and U (coupling 0): the tile holds 1 / d of what lies across, or 0 where the colours do not alternate.
constexpr double LEAST = 1e-12;
HP_SHARED double tile[TILE];
const int n = leaves * L;
HP_SLOT(b, leaves) {
    auto alternates = [&](int d) {
        const int axis = 2 - d / 2, j = neighbor.data[b * DIRECTIONS + d];
        const int expected = origin.data[3 * b + axis] + (d % 2 ? used.data[3 * b + axis] : -1);
        const int found = origin.data[3 * j + axis] + (d % 2 ? 0 : used.data[3 * j + axis] - 1);
        return ((expected ^ found) & 1) == 0;
    };
    load_tile(tile, b, neighbor.data, used.data,
              [&](int i, int d) -> double { return d < 0 || alternates(d) ? 1.0 / diagonal.data[i] : 0.0; });
    const int odd = parity(b);
    HP_CELLS {
        const int h = at(x, y, z), i = b * L + l;
        const bool black = (odd + x + y + z) & 1;
        double eliminated = 0.0;
        for (int d = 0; d < DIRECTIONS; ++d) {
            const double c = conductance.data[d * n + i], across = tile[h + (d % 2 ? 1 : -1) * STRIDE[2 - d / 2]];
            eliminated += c * c * across;
            coupling.data[d * n + i] = across != 0.0 ? M(c) : M(0);
        }
        const double own = diagonal.data[i], e = own - eliminated;
        // e = 0 where a black cell and its red neighbours are a whole region without open sides.
        weight.data[i] = M(1.0 / (black && e > LEAST * own ? e : own));
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
