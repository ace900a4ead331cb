// y = (Phi^T A Phi)^-1 c by the banded factor, serially: the CPU's way, right but slow on CUDA. LOCAL subtracts the
// leaves' own part. The rows of a leaf go together, so that only their own R x R triangle waits for what was just computed;
// left of it they have `before` columns.
const int reach = width - 1, before = width - R;
double* __restrict__ x = result.data;
HP_SHARED double own[R];
if (lane > 0) return;
for (int b = 0; b < n; b += R) {
    const int begin = b > before ? b - before : 0;
    for (int f = 0; f < R; ++f) {
        const double* row = band.data + (long long)(b + f) * width + reach - (b + f);        // row[m] is column m
        double partial[8] = {};
        int m = begin;
        for (; m + 8 <= b; m += 8)
            for (int v = 0; v < 8; ++v) partial[v] += row[m + v] * x[m + v];
        for (; m < b; ++m) partial[0] += row[m] * x[m];
        for (int h = 4; h > 0; h /= 2)
            for (int v = 0; v < h; ++v) partial[v] += partial[v + h];
        own[f] = coarse_rhs(b + f) - partial[0];
    }
    for (int f = 0; f < R; ++f) {
        const double* row = band.data + (long long)(b + f) * width + reach - f;
        for (int g = 0; g < f; ++g) own[f] -= row[g] * own[g];
    }
    for (int f = 0; f < R; ++f) x[b + f] = own[f];
}
for (int i = 0; i < n; ++i) x[i] *= band.data[(long long)i * width + reach];
for (int b = n - R; b >= 0; b -= R) {
    for (int f = 0; f < R; ++f) own[f] = x[b + f];
    for (int f = R - 1; f > 0; --f) {
        const double* row = band.data + (long long)(b + f) * width + reach - f;
        for (int g = 0; g < f; ++g) own[g] -= row[g] * own[f];
    }
    for (int f = 0; f < R; ++f) x[b + f] = own[f];
    const int begin = b > before ? b - before : 0;
    for (int m = begin; m < b; ++m) {
        double sum = 0.0;
        for (int f = 0; f < R; ++f) sum += band.data[(long long)(b + f) * width + reach - (b + f) + m] * own[f];
        x[m] -= sum;
    }
}
if (LOCAL)
    for (int b = 0; b < n / R; ++b)
        for (int f = 0; f < R; ++f)
            for (int g = 0; g < R; ++g) x[b * R + f] -= local_inverse.data[(b * R + f) * R + g] * coarse_rhs(b * R + g);
