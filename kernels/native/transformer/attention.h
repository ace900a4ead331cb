// Attention among T tokens, head by head, ROWS queries at a time: mixed [T, D] = (softmax(q k^T / sqrt(d_h) + b) + G) v
// from qkv [T, 3 D]. bias(t, s) gives b, edge(h, t, s) gives G. adjust(first, count) may change `score` before the
// softmax; more(h, t, c) is added to column c of token t. Both see `score` [ROWS, T], `value` [T, HEAD].
constexpr int HEAD = D / HEADS, AT_ONCE = HEAD < 8 ? HEAD : 8;
HP_SHARED float score[ROWS * T];
HP_SHARED float key[HEAD * T];                                           // k transposed: rows are vectors over tokens
HP_SHARED float value[T * HEAD];
auto attend = [&](const float* qkv, float* mixed, auto bias, auto adjust, auto edge, auto more) {
    const float share = 1.0f / sqrtf(wp::float32(HEAD));
    for (int h = 0; h < HEADS; ++h) {
        for (int t = lane; t < T * HEAD; t += lanes) {
            const int s = t / HEAD, e = t % HEAD;
            key[e * T + s] = qkv[s * 3 * D + D + h * HEAD + e];
            value[t] = qkv[s * 3 * D + 2 * D + h * HEAD + e];
        }
        HP_SYNC;                                    // keys and values of the head are written; scores read them
        for (int first = 0; first < T; first += ROWS) {
            for (int r = 0; r < ROWS; ++r) {
                const float* q = qkv + (first + r) * 3 * D + h * HEAD;
                for (int s = lane; s < T; s += lanes) {
                    float dot = 0.0f;
#pragma unroll
                    for (int e = 0; e < HEAD; ++e) dot += q[e] * key[e * T + s];
                    score[r * T + s] = dot * share + bias(first + r, s);
                }
            }
            HP_SYNC;                                // scores are written; a row is read by the lane that adjusts it
            for (int r = lane; r < ROWS; r += lanes) {
                adjust(first + r, score + r * T);
                float top = -1e30f, total[8] = {}, all = 0.0f;
                for (int s = 0; s < T; ++s) top = score[r * T + s] > top ? score[r * T + s] : top;
                for (int s = 0; s < T; ++s) score[r * T + s] = exponential(score[r * T + s] - top);
                for (int s = 0; s < T; s += 8)
#pragma unroll
                    for (int a = 0; a < 8; ++a) total[a] += score[r * T + s + a];
#pragma unroll
                for (int a = 0; a < 8; ++a) all += total[a];
                for (int s = 0; s < T; ++s) score[r * T + s] = score[r * T + s] / all + edge(h, first + r, s);
            }
            HP_SYNC;                                // weights are written; every lane mixes values by them
            for (int u = lane; u < ROWS * HEAD / AT_ONCE; u += lanes) {
                const int r = u * AT_ONCE / HEAD, c = u * AT_ONCE % HEAD;
                float sum[AT_ONCE] = {};
                for (int s = 0; s < T; ++s)
#pragma unroll
                    for (int a = 0; a < AT_ONCE; ++a) sum[a] += score[r * T + s] * value[s * HEAD + c + a];
                more(h, first + r, c, sum);
#pragma unroll
                for (int a = 0; a < AT_ONCE; ++a) mixed[(first + r) * D + h * HEAD + c + a] = sum[a];
            }
            HP_SYNC;                                // mixed; the next scores, or the next head's keys, overwrite
        }
    }
};
