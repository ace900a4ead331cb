// The network's trunk for the leaves that are due, one a block: from a leaf's rows of A to its last tokens, `tokens`
// [leaves, TOKENS, D], in the order of `due`. Formulas: hpsolver/network/{patches,attention,trunk,basis}.py.
//
// A token stands for P cells. A cell has FC features: the logarithm of its diagonal, and for each direction its
// coupling's share of the diagonal, that share again if the face leaves the leaf, else 0, and the coupling's logarithm.
// `inside` [leaves, L] has bit d set where the cell across is in the leaf; `patch` [TOKENS, P] lists the cells of each
// token; `across` [DIRECTIONS, TOKENS] is the token across, -1 for none.
//
// `weights` holds matrices as in basis/linear.h, each with its bias [N] behind it: embed [P * FC, 2 D], [2 D, D];
// position [TOKENS, D]; in each layer norm [D], [D]; qkv [D, 3 D]; project [D, D]; norm [D], [D]; expand [D, 4 D];
// contract [4 D, D]. `edges`, fp32, holds for each layer: what displacements alone add to attention, [HEADS, TOKENS,
// TOKENS]; the values of the edge network for each direction without a coupling, before its activation and after,
// [DIRECTIONS, 2, EDGE]; what a coupling adds before the activation, [EDGE]; the edge network's last matrix, [HEADS,
// EDGE].
constexpr int P = L / TOKENS, FC = 1 + 3 * DIRECTIONS, F = P * FC, HEAD = D / HEADS;
constexpr int WIDE = F > 4 * D ? F : 4 * D;
constexpr float NEVER = -1e4f;                                            // a bias that leaves nothing after the softmax
HP_SHARED float x[TOKENS * D];                                          // the tokens
HP_SHARED float y[TOKENS * 2 * D];                                      // input of a product
HP_SHARED float wide[TOKENS * WIDE];                                   // input or output of a product, if it is wider
HP_SHARED float weight[HEADS * TOKENS * TOKENS];                         // attention's
HP_SHARED float coupling[DIRECTIONS * TOKENS];                          // minus the mean share of a token's cells
HP_SHARED float along[DIRECTIONS * TOKENS * HEADS];
HP_SHARED float wet[TOKENS];
if (slot >= count.data[0]) return;
const int leaf = due.data[slot], n = leaves * L;

double most = 0.0, cells = 0.0, sum = 0.0;
for (int l = lane; l < L; l += lanes)
    if (fluid.data[leaf * L + l] == FLUID) {
        const double value = diagonal.data[leaf * L + l];
        most = value > most ? value : most;
        cells += 1.0;
    }
most = block_largest(most);
cells = block_sum(cells);
const double largest = most > 0.0 ? most : 1.0;
auto log_diagonal = [&](int c) -> float {                               // of a fluid cell, relative to the leaf's largest
    const float ratio = wp::float32(diagonal.data[c] / largest);
    return log10f(ratio > 1e-12f ? ratio : 1e-12f);
};
for (int l = lane; l < L; l += lanes)
    if (fluid.data[leaf * L + l] == FLUID) sum += log_diagonal(leaf * L + l);
const float level = wp::float32(block_sum(sum) / (cells > 1.0 ? cells : 1.0));
for (int l = lane; l < L; l += lanes) {
    const int cell = patch.data[l], c = leaf * L + cell;
    const bool is_fluid = fluid.data[c] == FLUID;
    float* feature = wide + l * FC;
    feature[0] = is_fluid ? log_diagonal(c) - level : 0.0f;
    for (int d = 0; d < DIRECTIONS; ++d) {
        const double g = conductance.data[d * n + c];
        const float share = is_fluid ? wp::float32(g / diagonal.data[c]) : 0.0f;
        const bool stays = inside.data[c] >> d & 1;
        feature[1 + d] = share;
        feature[1 + DIRECTIONS + d] = stays ? 0.0f : share;
        feature[1 + 2 * DIRECTIONS + d] = log10f(wp::float32(g / largest) + 1e-6f) / 3.0f;
    }
}
for (int t = lane; t < TOKENS; t += lanes) {
    float some = 0.0f;
    for (int p = 0; p < P; ++p) some = fluid.data[leaf * L + patch.data[t * P + p]] == FLUID ? 1.0f : some;
    wet[t] = some;
}
HP_SYNC;                                            // features and wet are written; tokens are made of them
for (int u = lane; u < DIRECTIONS * TOKENS; u += lanes) {
    const int d = u / TOKENS, t = u % TOKENS;
    float mean = 0.0f;
    for (int p = 0; p < P; ++p) mean += wide[(t * P + p) * FC + 1 + d];
    coupling[u] = across.data[u] < 0 ? 0.0f : -mean / P;
}
const auto* w = weights.data;
auto next = [&](int numbers) { const auto* at = w; w += numbers; return at; };
auto product = [&](const float* in, int K, int N, auto out) {
    const auto* matrix = next(K * N);
    linear(in, K, TOKENS, K, N, matrix, next(N), out);
    HP_SYNC;                                        // the product is written; it is read next, and its input overwritten
};
auto activate = [&](float* values, int numbers) {
    for (int t = lane; t < numbers; t += lanes) values[t] = gelu(values[t]);
    HP_SYNC;                                        // values are activated; the next product reads all of them
};
auto normalize_all = [&](const auto* scale, const auto* shift) {          // y = layer norm of x; scaled if there is a scale
    for (int t = lane; t < TOKENS; t += lanes) normalize(x + t * D, y + t * D, scale, shift);
    HP_SYNC;                                        // y is written; the next product reads all of it
};
product(wide, F, 2 * D, [&](int t, int c, float value) { y[t * 2 * D + c] = value; });
activate(y, TOKENS * 2 * D);
product(y, 2 * D, D, [&](int t, int c, float value) { x[t * D + c] = value; });
const auto* position = next(TOKENS * D);
for (int t = lane; t < TOKENS * D; t += lanes) x[t] += wp::float32(position[t]);
HP_SYNC;                                            // x is whole; norms are over all of a token
for (int layer = 0; layer < LAYERS; ++layer) {
    const auto* scale = next(D);
    normalize_all(scale, next(D));
    product(y, D, 3 * D, [&](int t, int c, float value) { wide[t * 3 * D + c] = value; });
    const float* everywhere = edges.data + layer * (HEADS * TOKENS * TOKENS + (2 * DIRECTIONS + 1 + HEADS) * EDGE);
    const float *bare = everywhere + HEADS * TOKENS * TOKENS, *by_coupling = bare + 2 * DIRECTIONS * EDGE, *last = by_coupling + EDGE;
    for (int u = lane; u < DIRECTIONS * TOKENS; u += lanes) {
        const float* before = bare + u / TOKENS * (2 * EDGE);
        float hidden[EDGE];
#pragma unroll
        for (int e = 0; e < EDGE; ++e) hidden[e] = gelu(before[e] + by_coupling[e] * coupling[u]) - before[EDGE + e];
#pragma unroll
        for (int h = 0; h < HEADS; ++h) {
            float more = 0.0f;
#pragma unroll
            for (int e = 0; e < EDGE; ++e) more += last[h * EDGE + e] * hidden[e];
            along[u * HEADS + h] = across.data[u] < 0 ? 0.0f : more;
        }
    }
    for (int u = lane; u < HEADS * TOKENS; u += lanes) {                 // a row of a head's scores, and its softmax
        const int h = u / TOKENS, t = u % TOKENS;
        const float* q = wide + t * 3 * D + h * HEAD;
        float* score = weight + u * TOKENS;
        float top = -1e30f, total = 0.0f;
        for (int s = 0; s < TOKENS; ++s) {
            const float* k = wide + s * 3 * D + D + h * HEAD;
            float part[8] = {}, dot = 0.0f;
            for (int e = 0; e < HEAD; e += 8)
                for (int a = 0; a < 8; ++a) part[a] += q[e + a] * k[e + a];
            for (int a = 0; a < 8; ++a) dot += part[a];
            score[s] = dot / sqrtf(wp::float32(HEAD)) + (s == t ? 1.0f : 0.0f) + NEVER * (1.0f - wet[s]);
        }
        for (int d = 0; d < DIRECTIONS; ++d)
            if (across.data[d * TOKENS + t] >= 0) score[across.data[d * TOKENS + t]] += coupling[d * TOKENS + t];
        for (int s = 0; s < TOKENS; ++s) top = score[s] > top ? score[s] : top;
        for (int s = 0; s < TOKENS; ++s) score[s] = exponential(score[s] - top);
        for (int s = 0; s < TOKENS; ++s) total += score[s];
        for (int s = 0; s < TOKENS; ++s) score[s] = score[s] / total + everywhere[u * TOKENS + s];
    }
    HP_SYNC;                                        // weights and along are written; values are mixed by them
    for (int u = lane; u < TOKENS * D / 8; u += lanes) {                  // eight columns of a token
        const int t = u * 8 / D, c = u * 8 % D, h = c / HEAD;
        const float* value = wide + 2 * D + c;
        float mixed[8] = {};
        auto add = [&](float amount, int s) {
            for (int a = 0; a < 8; ++a) mixed[a] += amount * value[s * 3 * D + a];
        };
        for (int s = 0; s < TOKENS; ++s) add(weight[(h * TOKENS + t) * TOKENS + s], s);
        for (int d = 0; d < DIRECTIONS; ++d)
            if (across.data[d * TOKENS + t] >= 0) add(along[(d * TOKENS + t) * HEADS + h], across.data[d * TOKENS + t]);
        for (int a = 0; a < 8; ++a) y[t * D + c + a] = mixed[a];
    }
    HP_SYNC;                                        // y is written; the projection reads all of it
    product(y, D, D, [&](int t, int c, float value) { x[t * D + c] += value; });
    const auto* second = next(D);
    normalize_all(second, next(D));
    product(y, D, 4 * D, [&](int t, int c, float value) { wide[t * 4 * D + c] = value; });
    activate(wide, TOKENS * 4 * D);
    product(wide, 4 * D, D, [&](int t, int c, float value) { x[t * D + c] += value; });
}
normalize_all(decltype(w)(nullptr), w);
for (int t = lane; t < TOKENS * D; t += lanes) tokens.data[(long long)slot * (TOKENS * D) + t] = y[t];
