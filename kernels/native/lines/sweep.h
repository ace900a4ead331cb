// out = x + DAMPING T^-1 (r - A x) on the lines of a column of leaves: substitution along the column, and back. x is zero
// if `fresh`, else x_, plus `added` if `adds`. Other columns read x meanwhile, so it stays. A lane has a line; its chain
// is a product and a sum for each cell of the line, once in each direction.
HP_SHARED double tile[TILE];
HP_SHARED double left[L];
clear_tile(tile);
const int n = leaves * L;
const int* column = columns.data + slot * length;
auto before = [&](int i) -> double { return adds ? double(x_.data[i]) + double(added.data[i]) : double(x_.data[i]); };
double carried[HP_PRIVATE(LINES)];
HP_PER_LANE(t, 0, LINES) carried[HP_MINE(t)] = 0.0;
for (int m = 0; m < length; ++m) {
    const int b = column[m];
    if (fresh) {
        for (int l = lane; l < L; l += lanes) left[l] = double(r.data[b * L + l]);
    } else {
        load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> double { return before(i); });
        HP_CELLS {
            const int i = b * L + l;
            left[l] = double(r.data[i]) - differences(tile, at(x, y, z), before(i), n, i);
        }
    }
    HP_SYNC;                                        // left is written; each lane reads its line's
    for (int k = 0; k < CELLS; ++k)
        HP_PER_LANE(t, 0, LINES) {
            const int l = along(t, k), i = b * L + l;
            const double value = left[l] + carried[HP_MINE(t)];
            solved.data[i] = value;
            carried[HP_MINE(t)] = ratio.data[i] * value;
        }
    HP_SYNC;                                        // left and the tile were read; the next leaf's are written
}
HP_PER_LANE(t, 0, LINES) carried[HP_MINE(t)] = 0.0;
for (int m = length - 1; m >= 0; --m)
    for (int k = CELLS - 1; k >= 0; --k)
        HP_PER_LANE(t, 0, LINES) {
            const int i = column[m] * L + along(t, k);
            const double step = weight.data[i] * solved.data[i] + ratio.data[i] * carried[HP_MINE(t)];
            carried[HP_MINE(t)] = step;
            out.data[i] = T(fresh ? step : before(i) + step);
        }
