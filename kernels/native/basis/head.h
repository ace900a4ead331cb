// coefficients [leaves, N] = the last tokens [leaves, K] times the head's matrix [K, N], for leaves in the order of
// `due`. A block has LEAVES leaves and COLUMNS columns of the matrix; on CUDA several lanes share a column, by rows.
constexpr int CHUNKS = (N + COLUMNS - 1) / COLUMNS;
const int first = slot / CHUNKS * LEAVES, left = count.data[0] - first, rows = left < LEAVES ? left : LEAVES;
if (rows <= 0) return;
const int begin = slot % CHUNKS * COLUMNS;
#if defined(__CUDA_ARCH__)
constexpr int PARTS = LANES / COLUMNS, SHARE = K / PARTS;
HP_SHARED float partial[PARTS * LEAVES * COLUMNS];
const int column = lane % COLUMNS, part = lane / COLUMNS, c = begin + column;
const auto* strip = weights.data + c / STRIP_COLUMNS * (K * STRIP_COLUMNS) + c % STRIP_COLUMNS;
float sum[LEAVES] = {};
for (int k = part * SHARE; k < (c < N ? (part + 1) * SHARE : 0); ++k) {
    const float weight = wp::float32(strip[k * STRIP_COLUMNS]);
#pragma unroll
    for (int r = 0; r < LEAVES; ++r)
        if (r < rows) sum[r] += tokens.data[(long long)(first + r) * K + k] * weight;
}
#pragma unroll
for (int r = 0; r < LEAVES; ++r) partial[(part * LEAVES + r) * COLUMNS + column] = sum[r];
HP_SYNC;                                            // each lane wrote its share of the rows; one adds those of a column
for (int t = lane; t < rows * COLUMNS; t += lanes) {
    const int r = t / COLUMNS, at = begin + t % COLUMNS;
    if (at >= N) continue;
    float value = wp::float32(weights.data[K * N + at]);
    for (int q = 0; q < PARTS; ++q) value += partial[(q * LEAVES + r) * COLUMNS + t % COLUMNS];
    coefficients.data[(long long)(first + r) * N + at] = value;
}
#else
const int end = begin + COLUMNS < N ? begin + COLUMNS : N;
linear(tokens.data + (long long)first * K, K, rows, K, end - begin, weights.data + begin * K, weights.data + K * N + begin,
       [&](int r, int c, float value) { coefficients.data[(long long)(first + r) * N + begin + c] = value; });
#endif
