// Pieces of the network behind `spai` (see kernels/spai.py): C channels a cell, weights in the order of tensor_shapes
// (hpsolver/preconditioners/spai.py). All is single precision; matrices are [inputs, C], so that a vector holds the
// channels: on the CPU the compiler's vector type, with fused multiply-adds, on CUDA an array that stays in registers.
#if defined(__CUDA_ARCH__)
struct Vector {
    float at[C];
    HP_INLINE float& operator[](int c) { return at[c]; }
    HP_INLINE float operator[](int c) const { return at[c]; }
    HP_INLINE void operator+=(const Vector& other) {
#pragma unroll
        for (int c = 0; c < C; ++c) at[c] += other.at[c];
    }
    HP_INLINE Vector operator*(const Vector& other) const {
        Vector result;
#pragma unroll
        for (int c = 0; c < C; ++c) result.at[c] = at[c] * other.at[c];
        return result;
    }
    HP_INLINE Vector operator*(float factor) const {
        Vector result;
#pragma unroll
        for (int c = 0; c < C; ++c) result.at[c] = at[c] * factor;
        return result;
    }
};
#else
typedef float Vector __attribute__((ext_vector_type(C), aligned(16)));
#endif
struct alignas(16) Channels { Vector v; };
struct Edge { float feature[3]; };                      // c_ij / d_i, c_ij / d_j, and the root of their product |a_ij|
constexpr int ENCODER = 4 * C, LAYER = 3 * C * C + 5 * C;
constexpr int ACROSS = C * C, EDGE = 2 * C * C, BIAS = EDGE + 3 * C, MIX = BIAS + C, MIX_BIAS = MIX + C * C;
constexpr int NEIGHBOR[6] = {-1, 1, -TZ, TZ, -STRIDE[0], STRIDE[0]};
auto load_channels = [&](const float* from) -> Channels { return *reinterpret_cast<const Channels*>(from); };
auto store_channels = [&](float* to, const Channels& value) { *reinterpret_cast<Channels*>(to) = value; };
// x relu6(x + 3) / 6, the "hard swish" (Howard et al., 2019): close to GELU, and made of a few vector instructions.
auto hardswish = [&](Channels x) -> Channels {
#if defined(__CUDA_ARCH__)
#pragma unroll
    for (int c = 0; c < C; ++c) x.v[c] *= fminf(fmaxf(x.v[c] * (1.0f / 6.0f) + 0.5f, 0.0f), 1.0f);
#else
    const Vector zero = 0.0f, one = 1.0f;
    x.v *= __builtin_elementwise_min(__builtin_elementwise_max(x.v * (1.0f / 6.0f) + 0.5f, zero), one);
#endif
    return x;
};
// sum += matrix^T x, matrix [C, C].
auto multiply_add = [&](Channels& sum, const float* matrix, const Channels& x) {
    HP_CONTRACT
#pragma unroll
    for (int k = 0; k < C; ++k) sum.v += load_channels(matrix + k * C).v * x.v[k];
};
auto edge_of = [&](const float* ratio, int n, int d, int i) -> Edge {
    const float own = ratio[d * n + i], across = ratio[(DIRECTIONS + d) * n + i];
    return {own, across, sqrtf(own * across)};
};
// sum += matrix^T edge, matrix [3, C].
auto edge_add = [&](Channels& sum, const float* matrix, const Edge& edge) {
    HP_CONTRACT
#pragma unroll
    for (int k = 0; k < 3; ++k) sum.v += load_channels(matrix + k * C).v * edge.feature[k];
};
// The message over the edge i <- j to a layer or the head: act(U^T h_i + V^T h_j + E^T e_ij + b). `own` is U^T h_i + b,
// `across` V^T h_j.
auto message = [&](Channels own, const Channels& across, const float* w, const Edge& edge) -> Channels {
    own.v += across.v;
    edge_add(own, w + EDGE, edge);
    return hardswish(own);
};
(void)store_channels; (void)hardswish; (void)multiply_add; (void)edge_of; (void)edge_add; (void)message;
