// One message-passing layer: h_i += W^T sum over faces of act(U^T h_i + V^T h_j + E^T e_ij + b) + c.
// V^T h_j comes from the layer before (from_across); that of the next layer is written to to_across.
HP_SHARED Channels tile[TILE];
const int n = leaves * L;
const float* w = weights.data + ENCODER + layer * LAYER;
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) { return load_channels(from_across.data + i * C); });
    HP_CELLS {
        const int h = at(x, y, z), i = b * L + l;
        Channels state = load_channels(hidden.data + i * C), own = load_channels(w + BIAS), sum = {}, across = {};
        multiply_add(own, w, state);
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const Edge edge = edge_of(ratio.data, n, d, i);
            if (edge.feature[2] == 0.0f) continue;
            sum.v += message(own, tile[h + NEIGHBOR[d]], w, edge).v;
        }
        multiply_add(state, w + MIX, sum);
        state.v += load_channels(w + MIX_BIAS).v;
        multiply_add(across, w + LAYER + ACROSS, state);
        store_channels(hidden.data + i * C, state);
        store_channels(to_across.data + i * C, across);
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
