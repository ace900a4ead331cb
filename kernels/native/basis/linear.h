// Products with the network's matrices, and its activation. A matrix [K, N] lies in strips of S = STRIP_COLUMNS columns,
// [N / S, K, S], N a multiple of S, so that numbers multiplied together lie side by side in memory.
constexpr int TOGETHER = 8;
// out(t, c, bias_c + sum over k of in[t * stride + k] matrix[k, c]) for `rows` tokens t. On CUDA a lane has a column
// and TOGETHER tokens; on the CPU a vector of columns.
#if defined(__CUDA_ARCH__)
auto linear = [&](const float* in, int stride, int rows, int K, int N, const auto* matrix, const auto* bias, auto out) {
    const int parts = (rows + TOGETHER - 1) / TOGETHER;
    for (int t = lane; t < N * parts; t += lanes) {
        const int c = t % N, first = t / N * TOGETHER;
        const auto* column = matrix + (c / STRIP_COLUMNS) * (K * STRIP_COLUMNS) + c % STRIP_COLUMNS;
        float sum[TOGETHER];
#pragma unroll
        for (int r = 0; r < TOGETHER; ++r) sum[r] = wp::float32(bias[c]);
        for (int k = 0; k < K; ++k) {
            const float weight = wp::float32(column[k * STRIP_COLUMNS]);
#pragma unroll
            for (int r = 0; r < TOGETHER; ++r)
                if (first + r < rows) sum[r] += in[(first + r) * stride + k] * weight;
        }
#pragma unroll
        for (int r = 0; r < TOGETHER; ++r)
            if (first + r < rows) out(first + r, c, sum[r]);
    }
};
#else
typedef float Strip __attribute__((ext_vector_type(STRIP_COLUMNS), aligned(4)));
auto strip = [&](const auto* from) -> Strip {
    Strip values;
    for (int v = 0; v < STRIP_COLUMNS; ++v) values[v] = wp::float32(from[v]);
    return values;
};
auto linear = [&](const float* in, int stride, int rows, int K, int N, const auto* matrix, const auto* bias, auto out) {
    HP_CONTRACT
    constexpr int FOUR = 4;                                              // tokens at a time, as many as registers hold
    for (int c = 0; c < N; c += STRIP_COLUMNS)
        for (int first = 0; first < rows; first += FOUR) {
            const auto* column = matrix + c * K;
            const float* row[FOUR];
            for (int r = 0; r < FOUR; ++r) row[r] = in + (first + r < rows ? first + r : rows - 1) * stride;
            const Strip start = strip(bias + c);
            Strip s0 = start, s1 = start, s2 = start, s3 = start;
            for (int k = 0; k < K; ++k) {
                const Strip weight = strip(column + k * STRIP_COLUMNS);
                s0 += weight * row[0][k];
                s1 += weight * row[1][k];
                s2 += weight * row[2][k];
                s3 += weight * row[3][k];
            }
            const Strip sums[FOUR] = {s0, s1, s2, s3};
            for (int r = 0; r < FOUR && first + r < rows; ++r)
                for (int v = 0; v < STRIP_COLUMNS; ++v) out(first + r, c + v, sums[r][v]);
        }
};
#endif
// e^x for x <= 0, with a relative error of 1e-7: 2^n times a polynomial, without a branch.
auto exponential = [&](float x) -> float {
#if defined(__CUDA_ARCH__)
    return expf(x);
#else
    const float y = (x < -80.0f ? -80.0f : x) * 1.44269504f, n = __builtin_floorf(y + 0.5f), f = (y - n) * 0.693147181f;
    const float p = 1.0f + f * (1.0f + f * (0.5f + f * (0.166666667f + f * (0.0416666667f + f * (0.00833333333f + f * 0.00138888889f)))));
    union { wp::int32 bits; float value; } scale = {(wp::int32(n) + 127) << 23};
    return p * scale.value;
#endif
};
// x Phi(x), by the error function of Abramowitz and Stegun, 7.1.26, accurate to 1.5e-7.
auto gelu = [&](float x) -> float {
    const float z = (x < 0.0f ? -x : x) * 0.707106781f, t = 1.0f / (1.0f + 0.3275911f * z);
    const float tail = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    const float half = 0.5f * tail * exponential(-z * z);                  // Phi of -|x|
    return x * (x < 0.0f ? half : 1.0f - half);
};
(void)linear; (void)exponential; (void)gelu;
