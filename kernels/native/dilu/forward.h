// y = (E + L)^-1 r. In red rows y = r / e, so black rows form y of their red neighbours again from r.
HP_SHARED T tile[TILE];
const int n = leaves * L;
const T* __restrict__ from_r = r.data;
const M* __restrict__ from_weight = weight.data;
const M* __restrict__ from_coupling = coupling.data;
T* __restrict__ to_y = y_.data;
clear_tile(tile);
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> T { return T(from_weight[i]) * from_r[i]; });
    const int odd = parity(b);
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l, first = odd + x + y + z;
        const T black[2] = {T(first & 1), T(1 - (first & 1))};
        T sum[V], value[V];
        for (int v = 0; v < V; ++v) sum[v] = others(tile, h + v, from_coupling, n, i + v);
        for (int v = 0; v < V; ++v) value[v] = T(from_weight[i + v]) * (from_r[i + v] + black[v & 1] * sum[v]);
        for (int v = 0; v < V; ++v) to_y[i + v] = value[v];
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
