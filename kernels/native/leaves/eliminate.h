// L D L^T of one banded matrix, by a whole block: `f` [L, BW + 1] in the layout of leaves/factor.h with W = 1, in
// shared memory if it FITS, else in `factor`. The rows come from leaves/rows.h, nested/rows.h or windows/rows.h. The
// whole block returns if the leaf, number `leaf`, has not changed.
// Longest chain of dependent operations: L steps of a reciprocal, two products and a barrier.
constexpr double LOST = 1e-14;                                            // a lost pivot: never expected, never fatal
constexpr int ROW = BW + 1;
HP_SHARED double kept[FITS ? L * ROW : 1];
HP_SHARED double whole[L];
HP_SHARED double pivot[L];
const int leaf = members.data[slot];
if (!changed.data[leaf]) return;
double* f = FITS ? kept : factor.data + (long long)slot * (L * ROW);
for (int i = lane; i < L; i += lanes) {
    double* row = f + i * ROW;
    for (int k = 1; k <= BW; ++k) row[k] = 0.0;
    row[0] = whole[i] = assemble_row(i, leaf, row);
}
HP_SYNC;                                            // rows are written; column 0 is read next
for (int j = 0; j < L; ++j) {
    const double* column = f + j * ROW;                               // entry k of row j + k is column[k * (ROW + 1)]
    const int below = L - 1 - j < BW ? L - 1 - j : BW;
    const double inverse = 1.0 / (column[0] > LOST * whole[j] ? column[0] : whole[j]);
    if (lane == 0) pivot[j] = inverse;
    for (int t = lane; t < BW * BW; t += lanes) {                       // entry m of the column changes row k
        const int k = t / BW + 1, m = t % BW + 1;
        if (m <= k && k <= below) f[(j + k) * ROW + k - m] -= column[k * (ROW + 1)] * inverse * column[m * (ROW + 1)];
    }
    HP_SYNC;                                        // the columns behind j are updated; the next one is read
}
for (int i = lane; i < L; i += lanes) {
    double* row = f + i * ROW;
    row[0] = pivot[i];
    for (int k = 1; k <= BW && k <= i; ++k) row[k] *= pivot[i - k];
}                                                                       // up to the next barrier lanes read own rows
// For substitution row by row: next[k] is what row i + k of a solution's column loses to the rows before it. `lose`
// takes the value of row i and a function that reads the factor's entry k for it, and moves `next` on to row i + 1.
auto lose = [&](double (&next)[BW], double value, auto entry) {
#pragma unroll
    for (int k = 1; k < BW; ++k) next[k - 1] = next[k] + entry(k) * value;
    next[BW - 1] = entry(BW) * value;
};
auto below_row = [&](int i) { return [&, i](int k) { return i + k < L ? f[(i + k) * ROW + k] : 0.0; }; };
(void)lose; (void)below_row;
