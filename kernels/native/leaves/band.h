// L D L^T of the banded matrices of the W leaves, bricks or windows of `group`, into f [L, BW + 1, W]: entry 0 of row i is
// 1 / d, entry k the multiplier of row i - k. The rows come from leaves/rows.h, nested/rows.h or windows/rows.h.
constexpr double LOST = 1e-14;                                            // a lost pivot: never expected, never fatal
auto factor_group = [&](const int* group, double* __restrict__ f) {
    double diagonal_of[HP_PRIVATE(W)], own[HP_PRIVATE(W)];
    auto eliminate = [&](int i, int reach) {
        double* row = f + i * (BW + 1) * W;
        for (int k = 1; k <= BW; ++k) HP_PER_LANE(w, 0, W) row[k * W + w] = 0.0;
        HP_PER_LANE(w, 0, W) diagonal_of[HP_MINE(w)] = assemble_row(i, group[w], row + w);
        for (int k = reach; k > 0; --k) {
            const double* other = row - k * (BW + 1) * W;                 // row i - k, finished
            HP_PER_LANE(w, 0, W) own[HP_MINE(w)] = row[k * W + w];
            for (int m = reach; m > k; --m) HP_PER_LANE(w, 0, W) own[HP_MINE(w)] -= row[m * W + w] * other[(m - k) * W + w];
            HP_PER_LANE(w, 0, W) row[k * W + w] = own[HP_MINE(w)];
        }
        HP_PER_LANE(w, 0, W) own[HP_MINE(w)] = diagonal_of[HP_MINE(w)];
        for (int k = reach; k > 0; --k) {
            const double* other = row - k * (BW + 1) * W;
            HP_PER_LANE(w, 0, W) {
                const double unscaled = row[k * W + w], scaled = unscaled * other[w];
                own[HP_MINE(w)] -= unscaled * scaled;
                row[k * W + w] = scaled;
            }
        }
        HP_PER_LANE(w, 0, W) row[w] = 1.0 / (own[HP_MINE(w)] > LOST * diagonal_of[HP_MINE(w)] ? own[HP_MINE(w)] : diagonal_of[HP_MINE(w)]);
    };
    for (int i = 0; i < BW; ++i) eliminate(i, i);
    for (int i = BW; i < L; ++i) eliminate(i, BW);                         // the full band, of a length known in advance
};
(void)factor_group;
