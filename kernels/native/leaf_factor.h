// L D L^T of the banded matrices of one group of leaves or bricks, in place of storage [L, BW + 1, W]: entry 0 of a row is
// 1 / d, entry k the multiplier of row i - k. The rows come from leaf_rows.h or brick_rows.h. A group without a changed leaf
// keeps its factors.
constexpr double LOST = 1e-14;                                            // a lost pivot: never expected, never fatal
double* __restrict__ f = factor.data + slot * (L * (BW + 1) * W);
const int* group = members.data + slot * W;
int stale = 0;
for (int w = 0; w < W; ++w) stale |= group[w] >= 0 ? changed.data[group[w]] : 0;
if (!stale) return;
double diagonal_of[HP_PRIVATE], own[HP_PRIVATE];
auto eliminate = [&](int i, int reach) {
    double* row = f + i * (BW + 1) * W;
    for (int k = 1; k <= BW; ++k) HP_MEMBERS row[k * W + w] = 0.0;
    assemble_row(i, group, row, diagonal_of);
    for (int k = reach; k > 0; --k) {
        const double* other = row - k * (BW + 1) * W;                 // row i - k, finished
        HP_MEMBERS own[HP_OWN] = row[k * W + w];
        for (int m = reach; m > k; --m) HP_MEMBERS own[HP_OWN] -= row[m * W + w] * other[(m - k) * W + w];
        HP_MEMBERS row[k * W + w] = own[HP_OWN];
    }
    HP_MEMBERS own[HP_OWN] = diagonal_of[HP_OWN];
    for (int k = reach; k > 0; --k) {
        const double* other = row - k * (BW + 1) * W;
        HP_MEMBERS {
            const double unscaled = row[k * W + w], scaled = unscaled * other[w];
            own[HP_OWN] -= unscaled * scaled;
            row[k * W + w] = scaled;
        }
    }
    HP_MEMBERS row[w] = 1.0 / (own[HP_OWN] > LOST * diagonal_of[HP_OWN] ? own[HP_OWN] : diagonal_of[HP_OWN]);
};
for (int i = 0; i < BW; ++i) eliminate(i, i);
for (int i = BW; i < L; ++i) eliminate(i, BW);                         // the full band, of a length known in advance
