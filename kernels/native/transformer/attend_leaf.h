// Attention among the cells of a leaf (hpsolver/network/attention.py); T is L. `edges` holds what does not depend on A:
// G of displacements alone [HEADS, L, L]; the hidden values of G's network for each direction without a coupling, before
// the activation and after, [DIRECTIONS, 2, EDGE]; what a coupling adds before it [EDGE]; the last matrix [HEADS, EDGE].
// within [DIRECTIONS, L]: the cell across in the leaf, -1 for none. inside: bit d where it is the one across in the grid.
constexpr float NEVER = -1e4f;                                            // a bias that leaves nothing after the softmax
HP_SHARED float along[DIRECTIONS * L * HEADS];                          // what a coupling adds to G
const int n = leaves * L, base = slot * L;
const float *everywhere = edges.data + at, *bare = everywhere + HEADS * L * L, *by_coupling = bare + 2 * DIRECTIONS * EDGE;
const float* last = by_coupling + EDGE;
auto neighbour = [&](int d, int t) -> int { return inside.data[base + t] >> d & 1 ? within.data[d * L + t] : -1; };
for (int u = lane; u < DIRECTIONS * L; u += lanes) {
    const int d = u / L, t = u % L;
    const float* before = bare + d * (2 * EDGE);
    const float coupling = -scaled.data[d * n + base + t];
    float hidden[EDGE];
#pragma unroll
    for (int e = 0; e < EDGE; ++e) hidden[e] = gelu(before[e] + by_coupling[e] * coupling) - before[EDGE + e];
#pragma unroll
    for (int h = 0; h < HEADS; ++h) {
        float more = 0.0f;
#pragma unroll
        for (int e = 0; e < EDGE; ++e) more += last[h * EDGE + e] * hidden[e];
        along[u * HEADS + h] = neighbour(d, t) < 0 ? 0.0f : more;
    }
}
// `along` is read after the first barrier of `attend`.
attend(
    qkv.data + (long long)base * (3 * D), mixed.data + (long long)base * D,
    [&](int t, int s) -> float { return (s == t ? 1.0f : 0.0f) + (fluid.data[base + s] == FLUID ? 0.0f : NEVER); },
    [&](int t, float* row) {
        for (int d = 0; d < DIRECTIONS; ++d)
            if (neighbour(d, t) >= 0) row[neighbour(d, t)] -= scaled.data[d * n + base + t];
    },
    [&](int h, int t, int s) -> float { return everywhere[(h * L + t) * L + s]; },
    [&](int h, int t, int c, float* sum) {
        for (int d = 0; d < DIRECTIONS; ++d) {
            const int s = neighbour(d, t);
            if (s < 0) continue;
#pragma unroll
            for (int a = 0; a < AT_ONCE; ++a) sum[a] += along[(d * L + t) * HEADS + h] * value[s * HEAD + c + a];
        }
    });
