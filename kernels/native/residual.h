// The true residual r = b - A x in double precision, and r.r per slot.
HP_SHARED double tile[TILE];
clear_tile(tile);
const int n = leaves * L;
double rr[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> double { return x_.data[i]; });
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l;
        double residual[V];
        for (int v = 0; v < V; ++v)
            residual[v] = rhs.data[i + v] -
                          stencil(tile, h + v, x_.data[i + v], diagonal.data, conductance.data, n, i + v);
        for (int v = 0; v < V; ++v) r.data[i + v] = T(residual[v]);
        for (int v = 0; v < V; ++v) rr[v % ACCUMULATORS] += residual[v] * residual[v];
    }
    HP_SYNC;
}
const double total = block_sum(lane_sum(rr));
if (lane == 0) rr_slots.data[slot] = total;
