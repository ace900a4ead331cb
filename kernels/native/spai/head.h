// The factor F = D^-1/2 G from the network's last channels, stored as A is: diagonal, and off-diagonals negated.
//   g_ii = 1 + w_0.act(U^T h_i + b) + c_0,   g_ij = |a_ij| (1/2 + w_1.act(U^T h_i + V^T h_j + E^T e_ij + b) + c_1)
// A row without any face gets M = 1 / d: the identity for padding and solid cells.
HP_SHARED Channels tile[TILE];
const int n = leaves * L;
const float *w = weights.data + ENCODER + LAYERS * LAYER, *out = w + MIX;
auto read_out = [&](const Channels& x, int row) -> float {
    const Vector product = x.v * load_channels(out + row * C).v;
    float sum = out[2 * C + row];
#pragma unroll
    for (int c = 0; c < C; ++c) sum += product[c];
    return sum;
};
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) { return load_channels(from_across.data + i * C); });
    HP_CELLS {
        const int h = at(x, y, z), i = b * L + l;
        const Channels state = load_channels(hidden.data + i * C);
        Channels own = load_channels(w + BIAS);
        multiply_add(own, w, state);
        const double scale = 1.0 / sqrt(diagonal.data[i]);
        bool linked = false;
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const Edge edge = edge_of(ratio.data, n, d, i);
            M entry = M(0);
            if (edge.feature[2] != 0.0f) {
                const float answer = read_out(message(own, tile[h + NEIGHBOR[d]], w, edge), 1);
                linked = true;
                entry = M(-scale * double(edge.feature[2] * (0.5f + answer)));
            }
            factor.data[d * n + i] = entry;
        }
        factor_diagonal.data[i] = M(scale * (linked ? 1.0 + double(read_out(hardswish(own), 0)) : sqrt(1.0 - epsilon)));
        shift.data[i] = M(epsilon * scale * scale);
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
