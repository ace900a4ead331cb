// Solves L D L^T x = x in place for the W leaves of a group: x [L, W], factor as in leaf_factor.h.
auto substitute = [&](const auto* __restrict__ f, auto* __restrict__ x) {
    for (int i = 1; i < L; ++i)
        for (int k = i < BW ? i : BW; k > 0; --k)
            HP_MEMBERS x[i * W + w] -= f[(i * (BW + 1) + k) * W + w] * x[(i - k) * W + w];
    for (int i = 0; i < L; ++i) HP_MEMBERS x[i * W + w] *= f[i * (BW + 1) * W + w];
    for (int i = L - 2; i >= 0; --i)
        for (int k = L - 1 - i < BW ? L - 1 - i : BW; k > 0; --k)
            HP_MEMBERS x[i * W + w] -= f[((i + k) * (BW + 1) + k) * W + w] * x[(i + k) * W + w];
};
(void)substitute;
