// Attention among the tokens of a tile; T is TOKENS. The features of an edge are a displacement, `between` [tiles, 3] of
// the strips' means plus `local` [TOKENS, TOKENS, 3], and A's mean entry, `entries` [tiles, TOKENS, TOKENS]. At `at` in
// `edges`: G's network, first matrix [EDGE, 4] and bias [EDGE], last matrix [HEADS, EDGE] and bias [HEADS].
HP_SHARED float gate[HEADS * T * T];                                     // G
const float *first = edges.data + at, *shift = first + 4 * EDGE, *last = shift + EDGE, *end = last + HEADS * EDGE;
const float* entry = entries.data + (long long)slot * (T * T);
for (int u = lane; u < T * T; u += lanes) {
    const float *from = between.data + 3 * slot, *by = local.data + 3 * u;
    const float x = from[0] + by[0], y = from[1] + by[1], z = from[2] + by[2], a = entry[u];
    float hidden[EDGE];
#pragma unroll
    for (int e = 0; e < EDGE; ++e) {
        const float* weight = first + 4 * e;
        hidden[e] = gelu(shift[e] + weight[0] * x + weight[1] * y + weight[2] * z + weight[3] * a);
    }
#pragma unroll 1
    for (int h = 0; h < HEADS; ++h) {
        float sum = end[h];
#pragma unroll
        for (int e = 0; e < EDGE; ++e) sum += last[h * EDGE + e] * hidden[e];
        gate[h * T * T + u] = sum;
    }
}
// `gate` is read after the first barrier of `attend`.
attend(
    qkv.data + (long long)slot * (T * 3 * D), mixed.data + (long long)slot * (T * D),
    [&](int t, int s) -> float { return entry[t * T + s]; }, [](int, float*) {},
    [&](int h, int t, int s) -> float { return gate[(h * T + t) * T + s]; }, [](int, int, int, float*) {});
