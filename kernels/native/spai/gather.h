// y = F^T r.
HP_SHARED T tile[TILE];
const int n = leaves * L;
const T* __restrict__ from_r = r.data;
const M* __restrict__ from_diagonal = factor_diagonal.data;
const M* __restrict__ from_transpose = transpose.data;
T* __restrict__ to_y = y_.data;
clear_tile(tile);
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> T { return from_r[i]; });
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l;
        T sum[V];
        for (int v = 0; v < V; ++v)
            sum[v] = stencil(tile, h + v, from_r[i + v], from_diagonal, from_transpose, n, i + v);
        for (int v = 0; v < V; ++v) to_y[i + v] = sum[v];
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
