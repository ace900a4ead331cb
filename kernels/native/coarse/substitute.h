// result = (Phi^T A Phi)^-1 c by the banded factor, serially: the CPU's way, correct but slow on CUDA. LOCAL subtracts
// the leaves' own part. The R rows of a leaf go together, so that only their own triangle waits for what was just
// computed; left of that triangle they begin at the same column.
double* __restrict__ x = result.data;
HP_SHARED double own[R];
if (lane > 0) return;
for (int q = 0; q < n; q += R) {
    const int begins = begin_of(q + R - 1);
    for (int f = 0; f < R; ++f) {
        const double* row = band.data + at_of(q + f);                   // row[m] is column m
        double partial[8] = {};
        int m = begins;
        for (; m + 8 <= q; m += 8)
            for (int v = 0; v < 8; ++v) partial[v] += row[m + v] * x[m + v];
        for (; m < q; ++m) partial[0] += row[m] * x[m];
        for (int h = 4; h > 0; h /= 2)
            for (int v = 0; v < h; ++v) partial[v] += partial[v + h];
        own[f] = coarse_rhs(q + f) - partial[0];
    }
    for (int f = 0; f < R; ++f) {
        const double* row = band.data + at_of(q + f) + q;
        for (int g = 0; g < f; ++g) own[f] -= row[g] * own[g];
    }
    for (int f = 0; f < R; ++f) x[q + f] = own[f];
}
for (int i = 0; i < n; ++i) x[i] *= band.data[at_of(i) + i];
for (int q = n - R; q >= 0; q -= R) {
    const int begins = begin_of(q + R - 1);
    for (int f = 0; f < R; ++f) own[f] = x[q + f];
    for (int f = R - 1; f > 0; --f) {
        const double* row = band.data + at_of(q + f) + q;
        for (int g = 0; g < f; ++g) own[g] -= row[g] * own[f];
    }
    const double* row[R];
    double amount[R];
    for (int f = 0; f < R; ++f) {
        x[q + f] = amount[f] = own[f];
        row[f] = band.data + at_of(q + f);
    }
    for (int m = begins; m < q; ++m) {
        double sum = 0.0;
        for (int f = 0; f < R; ++f) sum += row[f][m] * amount[f];
        x[m] -= sum;
    }
}
if (LOCAL)
    for (int q = 0; q < n; ++q)
        for (int g = 0; g < R; ++g) x[q] -= local_inverse.data[q * R + g] * coarse_rhs(q / R * R + g);
