// Edge features of every cell, its first channels h = act(K^T sum of its edges + b), and V^T h for the first layer.
HP_SHARED double tile[TILE];
const int n = leaves * L;
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> double { return diagonal.data[i]; });
    HP_CELLS {
        const int h = at(x, y, z), i = b * L + l;
        Edge node = {};
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const double c = conductance.data[d * n + i];
            ratio.data[d * n + i] = c > 0.0 ? static_cast<float>(c / diagonal.data[i]) : 0.0f;
            ratio.data[(DIRECTIONS + d) * n + i] = c > 0.0 ? static_cast<float>(c / tile[h + NEIGHBOR[d]]) : 0.0f;
            const Edge edge = edge_of(ratio.data, n, d, i);
#pragma unroll
            for (int k = 0; k < 3; ++k) node.feature[k] += edge.feature[k];
        }
        Channels state = load_channels(weights.data + 3 * C), across = {};
        edge_add(state, weights.data, node);
        state = hardswish(state);
        multiply_add(across, weights.data + ENCODER + ACROSS, state);
        store_channels(hidden.data + i * C, state);
        store_channels(to_across.data + i * C, across);
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
