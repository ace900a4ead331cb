// L D L^T of the banded leaf matrices of one group, in place of storage [L, BW + 1, W]: entry 0 of a row is 1 / d,
// entry k the multiplier of row i - k. Couplings to other leaves are not part of a leaf's matrix; CLOSED also takes
// their conductance off the diagonal (no flux through the leaf's faces) and adds SHIFT of the diagonal. A region inside
// one leaf makes it singular: its pinned cell counts twice on the diagonal. A group without a
// changed leaf keeps its factors.
constexpr double SHIFT = 1e-3, LOST = 1e-14;                              // a lost pivot: never expected, never fatal
constexpr int STRIDES[3] = {1, BZ, BY * BZ};
const int n = leaves * L;
double* __restrict__ f = factor.data + slot * (L * (BW + 1) * W);
const int* group = members.data + slot * W;
int stale = 0;
for (int w = 0; w < W; ++w) stale |= group[w] >= 0 ? changed.data[group[w]] : 0;
if (!stale) return;
double diagonal_of[HP_PRIVATE], pivot[HP_PRIVATE];
for (int i = 0; i < L; ++i) {
    const int position[3] = {i % BZ, i / BZ % BY, i / (BY * BZ)};   // last axis first, like the directions
    double* row = f + i * (BW + 1) * W;
    for (int k = 1; k <= BW; ++k) HP_MEMBERS row[k * W + w] = 0.0;
    HP_MEMBERS {
        const int leaf = group[w], c = leaf * L + i;
        double value = 1.0;
        if (leaf >= 0) {
            const double whole = diagonal.data[c];
            value = whole;
            for (int axis = 0; axis < DIMS; ++axis) {
                const int end = used.data[3 * leaf + 2 - axis] - 1;
                if (position[axis] > 0) row[STRIDES[axis] * W + w] = -conductance.data[2 * axis * n + c];
                if (CLOSED && position[axis] == 0) value -= conductance.data[2 * axis * n + c];
                if (CLOSED && position[axis] == end) value -= conductance.data[(2 * axis + 1) * n + c];
            }
            if (CLOSED) value += SHIFT * whole;
            else if (pinned.data[c]) value += whole;
        }
        diagonal_of[HP_OWN] = value;
    }
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
