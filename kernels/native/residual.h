// The true residual r = b - A x in double precision, and r.r per slot.
HP_SHARED double tile[TILE];
const int n = leaves * L;
double rr[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> double { return x_.data[i]; });
    HP_CELLS {
        const int i = b * L + l;
        const double residual = rhs.data[i] - stencil(tile, at(x, y, z), x_.data[i], diagonal.data, conductance.data, n, i);
        r.data[i] = T(residual);
        rr[z % ACCUMULATORS] += residual * residual;
    }
    HP_SYNC;
}
const double total = block_sum(lane_sum(rr));
if (lane == 0) rr_slots.data[slot] = total;
