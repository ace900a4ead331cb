// Solves L D L^T x = x in place for the W leaves of a group: x [L, W], factor as in leaf_factor.h.
auto substitute = [&](const auto* __restrict__ f, auto* __restrict__ x) {
    decltype(x[0] * x[0]) own[HP_PRIVATE];                              // a row is finished in registers
    for (int i = 0; i < L; ++i) {
        HP_MEMBERS own[HP_OWN] = x[i * W + w];
        for (int k = i < BW ? i : BW; k > 0; --k)
            HP_MEMBERS own[HP_OWN] -= f[(i * (BW + 1) + k) * W + w] * x[(i - k) * W + w];
        HP_MEMBERS x[i * W + w] = own[HP_OWN];
    }
    for (int i = L - 1; i >= 0; --i) {
        HP_MEMBERS own[HP_OWN] = x[i * W + w] * f[i * (BW + 1) * W + w];
        for (int k = L - 1 - i < BW ? L - 1 - i : BW; k > 0; --k)
            HP_MEMBERS own[HP_OWN] -= f[((i + k) * (BW + 1) + k) * W + w] * x[(i + k) * W + w];
        HP_MEMBERS x[i * W + w] = own[HP_OWN];
    }
};
(void)substitute;
