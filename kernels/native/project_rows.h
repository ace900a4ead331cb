// Takes the constants of the singular regions out of each row of a dense matrix [n, n] (TRANSPOSED: of each column):
// row -= (row . e) e / (e . e) for e = Phi^T 1 of every region. Entry q of e is weight[q], listed region by region in
// unknowns[first[g]] ... A pinned inverse has a large multiple of e e^T in it; without, it can be rounded to fp32.
double stale = 0.0;
for (int b = lane; b < leaves; b += lanes) stale += changed.data[b];
if (block_sum(stale) == 0.0) return;
const int last = (slot + 1) * COLUMNS < n ? (slot + 1) * COLUMNS : n;
for (int i = slot * COLUMNS + lane; i < last; i += lanes) {
    const long long step = TRANSPOSED ? n : 1;
    double* row = matrix.data + (TRANSPOSED ? i : (long long)i * n);
    for (int g = 0; g < regions; ++g) {
        double along = 0.0, square = 0.0;
        for (int t = first.data[g]; t < first.data[g + 1]; ++t) {
            const double e = weight.data[t];
            along += row[unknowns.data[t] * step] * e;
            square += e * e;
        }
        for (int t = first.data[g]; t < first.data[g + 1]; ++t)
            row[unknowns.data[t] * step] -= along / square * weight.data[t];
    }
}
