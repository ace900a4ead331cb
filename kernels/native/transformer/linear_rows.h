// to [rows, N] = in [rows, K] times a matrix, whose padding to whole strips is left out. A row of `in` is the token x
// [D], its layer norm if NORM (2: scaled), and behind it MORE numbers of `more`. GELU: the result is activated. ADD: it
// is added to `to`. At `at` in `weights`: the norm's scale and shift [D], [D] if NORM is 2; the matrix.
constexpr int K = D + MORE, PADDED = (N + STRIP_COLUMNS - 1) / STRIP_COLUMNS * STRIP_COLUMNS;
HP_SHARED float in[ROWS * K];
const float *norm = weights.data + at, *matrix = norm + (NORM == 2 ? 2 * D : 0), *none = nullptr;
for (int r = lane; r < count; r += lanes) {
    const float* token = x.data + (long long)(begin + r) * D;
    if (NORM) normalize(token, in + r * K, NORM == 2 ? norm : none, norm + D);
    else for (int c = 0; c < D; ++c) in[r * K + c] = token[c];
    for (int c = 0; c < MORE; ++c) in[r * K + D + c] = more.data[(long long)(begin + r) * MORE + c];
}
HP_SYNC;                                            // rows are written; products read all of them
linear(in, K, count, K, PADDED, matrix, matrix + K * PADDED, [&](int r, int c, float value) {
    if (c >= N) return;
    float* out = to.data + (long long)(begin + r) * N + c;
    *out = ADD ? *out + value : value;
});
if (GELU) {
    HP_SYNC;                                        // products are written; each lane activates some of them
    for (int t = lane; t < count * N; t += lanes) {
        float* out = to.data + (long long)begin * N + t;
        *out = gelu(*out);
    }
}
