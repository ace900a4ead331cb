// Combinations of one leaf's functions: basis [leaves, R, L] = choice [leaves, R, C], times
// candidates [leaves, C, L].
if (!renewed.data[slot]) return;
const M* __restrict__ from = candidates.data + (long long)slot * (C * L);
M* __restrict__ to = basis.data + (long long)slot * (R * L);
for (int f = 0; f < R; ++f) {
    const double* amount = choice.data + ((long long)slot * R + f) * C;
    for (int l = lane * STRIP; l < L; l += lanes * STRIP) {
        double value[STRIP] = {};
        for (int c = 0; c < C; ++c)
            for (int v = 0; v < STRIP; ++v) value[v] += amount[c] * double(from[c * L + l + v]);
        for (int v = 0; v < STRIP; ++v) to[f * L + l + v] = M(value[v]);
    }
}
