// The pieces of fluid in one leaf, as faces inside it join them. label[cell] is the first cell of its piece, -1 outside
// the fluid. Each first cell begins as a root of the forest (connectivity/forest.h), and `leaks` says there whether
// anything leaves the piece through an open side or a surface.
const int n = leaves * L, b = slot;
const int ux = used.data[3 * b], uy = used.data[3 * b + 1], uz = used.data[3 * b + 2];
const double *toward_z = conductance.data + b * L, *toward_y = toward_z + 2 * n, *toward_x = toward_z + (DIRECTIONS - 2) * n;
double apart[ACCUMULATORS] = {}, leaky[ACCUMULATORS] = {};
HP_CELLS {
    const bool inside = x < ux && y < uy && z < uz;
    const bool joined = fluid.data[b * L + l] && (z == 0 || toward_z[l] > 0.0) && (y == 0 || toward_y[l] > 0.0) &&
                        (DIMS < 3 || x == 0 || toward_x[l] > 0.0);
    apart[z % ACCUMULATORS] += inside && !joined ? 1.0 : 0.0;
    leaky[z % ACCUMULATORS] += leak.data[b * L + l] > 0.0 ? 1.0 : 0.0;
}
const bool whole = block_sum(lane_sum(apart)) == 0.0, leaks_somewhere = block_sum(lane_sum(leaky)) > 0.0;
HP_SHARED int own[L];
HP_CELLS own[l] = !fluid.data[b * L + l] ? L : whole ? 0 : l;
HP_SYNC;                                            // each cell is a piece; the next loop reads those around
// Every cell takes the smallest number around it, until nothing changes. Lanes may read a neighbour's number before or
// after it falls: numbers only ever fall, so the end is the same.
for (double moved = whole ? 0.0 : 1.0; moved > 0.0;) {
    double mine = 0.0;
    HP_CELLS {
        int smallest = own[l];
        if (smallest == L) continue;
        auto join = [&](bool linked, int other) {
            if (linked && own[other] < smallest) smallest = own[other];
        };
        join(z > 0 && toward_z[l] > 0.0, l - 1);
        join(z + 1 < BZ && toward_z[n + l] > 0.0, l + 1);
        join(y > 0 && toward_y[l] > 0.0, l - BZ);
        join(y + 1 < BY && toward_y[n + l] > 0.0, l + BZ);
        if (DIMS == 3) {
            join(x > 0 && toward_x[l] > 0.0, l - BY * BZ);
            join(x + 1 < BX && toward_x[n + l] > 0.0, l + BY * BZ);
        }
        smallest = own[smallest];
        if (smallest < own[l]) {
            own[l] = smallest;
            mine = 1.0;
        }
    }
    moved = block_sum(mine);                        // its barriers: a pass is over before the next one reads
}
HP_CELLS {
    const int i = b * L + l, first = own[l] < L ? b * L + own[l] : -1;
    label.data[i] = parent.data[i] = first;
    leaks.data[i] = linked.data[i] = 0;
    size.data[i] = 0;
}
if (lane == 0) only.data[b] = whole ? WHOLE : -1;
HP_SYNC;                                            // cleared; leaks are marked
if (leaks_somewhere)
    HP_CELLS if (own[l] < L && leak.data[b * L + l] > 0.0) leaks.data[b * L + own[l]] = 1;
