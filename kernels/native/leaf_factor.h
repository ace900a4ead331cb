// L D L^T of the banded matrices of one group of leaves or bricks, in place of storage [L, BW + 1, W]: entry 0 of a row is
// 1 / d, entry k the multiplier of row i - k. The rows come from leaf_rows.h or brick_rows.h. A group without a changed leaf
// keeps its factors.
constexpr double LOST = 1e-14;                                            // a lost pivot: never expected, never fatal
double* __restrict__ f = factor.data + slot * (L * (BW + 1) * W);
const int* group = members.data + slot * W;
int stale = 0;
for (int w = 0; w < W; ++w) stale |= group[w] >= 0 ? changed.data[group[w]] : 0;
if (!stale) return;
double diagonal_of[HP_PRIVATE], pivot[HP_PRIVATE];
for (int i = 0; i < L; ++i) {
    double* row = f + i * (BW + 1) * W;
    for (int k = 1; k <= BW; ++k) HP_MEMBERS row[k * W + w] = 0.0;
    assemble_row(i, group, row, diagonal_of);
    const int reach = i < BW ? i : BW;
    for (int k = reach; k > 0; --k) {
        const double* other = f + (i - k) * (BW + 1) * W;           // row i - k, finished
        for (int m = reach; m > k; --m) HP_MEMBERS row[k * W + w] -= row[m * W + w] * other[(m - k) * W + w];
    }
    HP_MEMBERS pivot[HP_OWN] = diagonal_of[HP_OWN];
    for (int k = reach; k > 0; --k) {
        const double* other = f + (i - k) * (BW + 1) * W;
        HP_MEMBERS {
            const double unscaled = row[k * W + w], scaled = unscaled * other[w];
            pivot[HP_OWN] -= unscaled * scaled;
            row[k * W + w] = scaled;
        }
    }
    HP_MEMBERS row[w] = 1.0 / (pivot[HP_OWN] > LOST * diagonal_of[HP_OWN] ? pivot[HP_OWN] : diagonal_of[HP_OWN]);
}
