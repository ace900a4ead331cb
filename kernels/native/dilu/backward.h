// z = (E + U)^-1 E y and r.z per slot. In black rows z = y, so red rows read y across.
HP_SHARED T tile[TILE];
const int n = leaves * L;
const T* __restrict__ from_r = r.data;
const T* __restrict__ from_y = y_.data;
const M* __restrict__ from_weight = weight.data;
const M* __restrict__ from_coupling = coupling.data;
T* __restrict__ to_z = z_.data;
double rz[ACCUMULATORS] = {};
clear_tile(tile);
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> T { return from_y[i]; });
    const int odd = parity(b);
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l, first = odd + x + y + z;
        const T red[2] = {T(1 - (first & 1)), T(first & 1)};
        T sum[V], value[V];
        for (int v = 0; v < V; ++v) sum[v] = others(tile, h + v, from_coupling, n, i + v);
        for (int v = 0; v < V; ++v)
            value[v] = from_y[i + v] + T(from_weight[i + v]) * (red[v & 1] * sum[v]);
        for (int v = 0; v < V; ++v) to_z[i + v] = value[v];
        for (int v = 0; v < V; ++v) rz[v % ACCUMULATORS] += double(from_r[i + v]) * double(value[v]);
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
const double total = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total;
