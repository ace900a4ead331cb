// y = (Phi^T A Phi)^-1 c by the banded factor, serially: the CPU's way, right but slow on CUDA. LOCAL subtracts the
// leaves' own part. The rows q, q + 1, .. of a leaf go together, so that only their own triangle waits for what was just
// computed; left of it they begin at the same column.
double* __restrict__ x = by_row(result.data);
HP_SHARED double own[R];
if (lane > 0) return;
int leaves = 0;
for (int q = 0; q < order; q += rank_of(leaves++)) {
    const int rank_here = rank_of(leaves), begins = begin_of(q + rank_here - 1);
    for (int f = 0; f < rank_here; ++f) {
        const double* row = band.data + at_of(q + f);                   // row[m] is column m
        double partial[8] = {};
        int m = begins;
        for (; m + 8 <= q; m += 8)
            for (int v = 0; v < 8; ++v) partial[v] += row[m + v] * x[m + v];
        for (; m < q; ++m) partial[0] += row[m] * x[m];
        for (int h = 4; h > 0; h /= 2)
            for (int v = 0; v < h; ++v) partial[v] += partial[v + h];
        own[f] = coarse_rhs(leaves * R + f) - partial[0];
    }
    for (int f = 0; f < rank_here; ++f) {
        const double* row = band.data + at_of(q + f) + q;
        for (int g = 0; g < f; ++g) own[f] -= row[g] * own[g];
    }
    for (int f = 0; f < rank_here; ++f) x[q + f] = own[f];
}
for (int i = 0; i < order; ++i) x[i] *= band.data[at_of(i) + i];
for (int b = leaves - 1, q = order - rank_of(b); b >= 0; --b) {
    const int rank_here = rank_of(b), begins = begin_of(q + rank_here - 1);
    for (int f = 0; f < rank_here; ++f) own[f] = x[q + f];
    for (int f = rank_here - 1; f > 0; --f) {
        const double* row = band.data + at_of(q + f) + q;
        for (int g = 0; g < f; ++g) own[g] -= row[g] * own[f];
    }
    for (int f = 0; f < rank_here; ++f) x[q + f] = own[f];
    for (int g = 0; g < rank_here; g += TOGETHER) {
        const double* row[TOGETHER];
        double amount[TOGETHER];
        for (int t = 0; t < TOGETHER; ++t) {                             // the last row again and again, times zero
            const int f = g + t < rank_here ? g + t : rank_here - 1;
            row[t] = band.data + at_of(q + f);
            amount[t] = g + t < rank_here ? own[f] : 0.0;
        }
        for (int m = begins; m < q; ++m) {
            double sum = 0.0;
            for (int t = 0; t < TOGETHER; ++t) sum += row[t][m] * amount[t];
            x[m] -= sum;
        }
    }
    if (b > 0) q -= rank_of(b - 1);
}
if (LOCAL)
    for (int b = 0, q = 0; b < leaves; q += rank_of(b++))
        for (int f = 0; f < rank_of(b); ++f)
            for (int g = 0; g < rank_of(b); ++g) x[q + f] -= local_inverse.data[(b * R + f) * R + g] * coarse_rhs(b * R + g);
spread(x, result.data);
