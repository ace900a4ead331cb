// z = F y + epsilon D^-1 r, and r.z per slot.
HP_SHARED T tile[TILE];
const int n = leaves * L;
const T* __restrict__ from_r = r.data;
const T* __restrict__ from_y = y_.data;
const M* __restrict__ from_diagonal = factor_diagonal.data;
const M* __restrict__ from_factor = factor.data;
const M* __restrict__ from_shift = shift.data;
T* __restrict__ to_z = z_.data;
double rz[ACCUMULATORS] = {};
clear_tile(tile);
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> T { return from_y[i]; });
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l;
        T sum[V];
        for (int v = 0; v < V; ++v)
            sum[v] = from_shift[i + v] * from_r[i + v] +
                     stencil(tile, h + v, from_y[i + v], from_diagonal, from_factor, n, i + v);
        for (int v = 0; v < V; ++v) to_z[i + v] = sum[v];
        for (int v = 0; v < V; ++v) rz[v % ACCUMULATORS] += double(from_r[i + v]) * double(sum[v]);
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
const double total = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total;
