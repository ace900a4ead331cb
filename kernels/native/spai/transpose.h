// The off-diagonals of F^T: entry (i, across face d) of the transpose is entry (j, across face d^1) of F.
HP_SHARED M tile[TILE];
const int n = leaves * L;
HP_SLOT(b, leaves) {
#pragma unroll
    for (int d = 0; d < DIRECTIONS; ++d) {
        load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> M { return factor.data[(d ^ 1) * n + i]; });
        HP_CELLS {
            const int i = b * L + l, h = at(x, y, z) + (d % 2 ? 1 : -1) * STRIDE[2 - d / 2];
            transpose.data[d * n + i] = conductance.data[d * n + i] > 0.0 ? tile[h] : M(0);
        }
        HP_SYNC;                                    // the tile was read; the next one is written
    }
}
