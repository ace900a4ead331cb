// start [leaves, FUNCTIONS, L] of the leaves that are due, from their coefficients [leaves, N]: function f of leaf
// due[slot] is candidate f plus every candidate times a coefficient. Candidates [CANDIDATES, L] lie in strips, as in
// basis/linear.h, with zeros, the bias, behind them. A leaf with a coefficient that is not finite, or beyond `largest`,
// takes the candidates alone.
HP_SHARED float amount[FUNCTIONS * CANDIDATES];
if (slot >= count.data[0]) return;
const float* from = coefficients.data + (long long)slot * N;
double wrong = 0.0;
for (int t = lane; t < FUNCTIONS * CANDIDATES; t += lanes) {
    const float one = t / CANDIDATES == t % CANDIDATES ? 1.0f : 0.0f, value = from[t] + one;
    if (!(value <= largest && value >= -largest)) wrong = 1.0;             // NaN fails the comparison
    amount[t] = value;
}
if (block_sum(wrong) > 0.0)
    for (int t = lane; t < FUNCTIONS * CANDIDATES; t += lanes) amount[t] = t / CANDIDATES == t % CANDIDATES ? 1.0f : 0.0f;
HP_SYNC;                                            // amounts are written; the product reads all of them
float* to = start.data + (long long)due.data[slot] * (FUNCTIONS * L);
linear(amount, CANDIDATES, FUNCTIONS, CANDIDATES, L, candidates.data, candidates.data + CANDIDATES * L,
       [&](int f, int l, float value) { to[f * L + l] = value; });
