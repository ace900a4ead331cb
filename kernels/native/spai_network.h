// Pieces of the network behind `spai` (see kernels/spai.py): C channels a cell, weights in the order of spai.tensor_shapes.
// Everything here is single precision; matrices are [inputs, C], so that the channels make the vector.
struct alignas(16) Channels { float at[C]; };
struct Edge { float feature[3]; };                      // c_ij / d_i, c_ij / d_j, and the root of their product |a_ij|
constexpr int ENCODER = 4 * C, LAYER = 3 * C * C + 5 * C;
constexpr int ACROSS = C * C, EDGE = 2 * C * C, BIAS = EDGE + 3 * C, MIX = BIAS + C, MIX_BIAS = MIX + C * C;
constexpr int NEIGHBOR[6] = {-1, 1, -TZ, TZ, -STRIDE[0], STRIDE[0]};
// x * relu6(x + 3) / 6, the "hard swish" (Howard et al., 2019): close to GELU, and made of a few vector instructions.
auto hardswish = [&](float x) -> float {
    const float gate = x * (1.0f / 6.0f) + 0.5f;
    return x * (gate < 0.0f ? 0.0f : gate > 1.0f ? 1.0f : gate);
};
// sum += matrix^T x, matrix [C, C].
auto multiply_add = [&](Channels& sum, const float* __restrict__ matrix, const Channels& x) {
#pragma unroll
    for (int k = 0; k < C; ++k)
#pragma unroll
        for (int c = 0; c < C; ++c) sum.at[c] += matrix[k * C + c] * x.at[k];
};
auto edge_of = [&](const float* ratio, int n, int d, int i) -> Edge {
    const float own = ratio[d * n + i], across = ratio[(DIRECTIONS + d) * n + i];
    return {own, across, sqrtf(own * across)};
};
// sum += matrix^T edge, matrix [3, C].
auto edge_add = [&](Channels& sum, const float* __restrict__ matrix, const Edge& edge) {
#pragma unroll
    for (int k = 0; k < 3; ++k)
#pragma unroll
        for (int c = 0; c < C; ++c) sum.at[c] += matrix[k * C + c] * edge.feature[k];
};
// What one consumer (a layer or the head) sees of the edge i <- j before its activation: U^T h_i + V^T h_j + E^T e_ij + b.
auto message = [&](Channels own, const Channels& across, const float* __restrict__ w, const Edge& edge) -> Channels {
#pragma unroll
    for (int c = 0; c < C; ++c) own.at[c] += across.at[c];
    edge_add(own, w + EDGE, edge);
#pragma unroll
    for (int c = 0; c < C; ++c) own.at[c] = hardswish(own.at[c]);
    return own;
};
auto load_channels = [&](const float* from) -> Channels { return *reinterpret_cast<const Channels*>(from); };
auto store_channels = [&](float* to, const Channels& value) { *reinterpret_cast<Channels*>(to) = value; };
(void)hardswish; (void)multiply_add; (void)edge_of; (void)edge_add; (void)message; (void)load_channels; (void)store_channels;
