// Solves L D L^T x = x in place for the W leaves of a group: x [L, W], factor as in leaves/factor.h.
auto substitute = [&](const auto* __restrict__ f, auto* __restrict__ x) {
    decltype(x[0] * x[0]) own[HP_PRIVATE(W)];                              // a row is finished in registers
    auto forward = [&](int i, int reach) {
        const auto* row = f + i * (BW + 1) * W;
        auto* own_x = x + i * W;
        HP_PER_LANE(w, 0, W) own[HP_MINE(w)] = own_x[w];
        for (int k = reach; k > 0; --k) HP_PER_LANE(w, 0, W) own[HP_MINE(w)] -= row[k * W + w] * own_x[w - k * W];
        HP_PER_LANE(w, 0, W) own_x[w] = own[HP_MINE(w)];
    };
    auto backward = [&](int i, int reach) {
        const auto* column = f + i * (BW + 1) * W;                      // entry k of row i + k is on a diagonal of the storage
        auto* own_x = x + i * W;
        HP_PER_LANE(w, 0, W) own[HP_MINE(w)] = own_x[w] * column[w];
        for (int k = reach; k > 0; --k) HP_PER_LANE(w, 0, W) own[HP_MINE(w)] -= column[k * (BW + 2) * W + w] * own_x[k * W + w];
        HP_PER_LANE(w, 0, W) own_x[w] = own[HP_MINE(w)];
    };
    // All but the first and last rows have the full band, of a length known in advance.
    for (int i = 0; i < BW; ++i) forward(i, i);
    for (int i = BW; i < L; ++i) forward(i, BW);
    for (int i = L - 1; i >= L - BW; --i) backward(i, L - 1 - i);
    for (int i = L - BW - 1; i >= 0; --i) backward(i, BW);
};
(void)substitute;
