// x += W_2 gelu(W_1 [LN(x), context]). The context is CONTEXTS vectors [D]: two for each group of POOL tokens, in `first`
// and `second` [rows / POOL, D], to which the token itself is added if PLUS; and `mean` [D], the same for all tokens.
constexpr int K = (1 + CONTEXTS) * D, W = 4 * D;
HP_SHARED float in[ROWS * K];
HP_SHARED float hidden[ROWS * W];
const float *norm = weights.data + at, *expand = norm + 2 * D, *contract = expand + K * W + W;
for (int r = lane; r < count; r += lanes) {
    const long long row = begin + r, group = row / POOL;
    const float* token = x.data + row * D;
    float* to = in + r * K;
    normalize(token, to, norm, norm + D);
    if (CONTEXTS)
        for (int c = 0; c < D; ++c) {
            const float own = PLUS ? token[c] : 0.0f;
            to[D + c] = own + first.data[group * D + c];
            to[2 * D + c] = own + second.data[group * D + c];
            to[3 * D + c] = mean.data[c];
        }
}
HP_SYNC;                                            // rows are written; products read all of them
linear(in, K, count, K, W, expand, expand + K * W, [&](int r, int c, float value) { hidden[r * W + c] = value; });
HP_SYNC;                                            // products are written; each lane activates some of them
for (int t = lane; t < count * W; t += lanes) hidden[t] = gelu(hidden[t]);
HP_SYNC;                                            // activated; the second product reads all of them
linear(hidden, W, count, W, D, contract, contract + W * D, [&](int r, int c, float value) {
    x.data[(long long)(begin + r) * D + c] += value;
});
