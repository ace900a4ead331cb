// y = (Phi^T A Phi)^-1 c by the banded factor, serially: the CPU's way. LOCAL subtracts the leaves' own part.
const int reach = width - 1;
const M* __restrict__ a = band.data;
M* __restrict__ x = result.data;
constexpr int V = 16;
for (int i = 0; i < n; ++i) {
    const int begin = i > reach ? i - reach : 0, count = i - begin;
    const M* row = a + (long long)i * width + reach - count;
    M sum[V] = {};
    int m = 0;
    for (; m + V <= count; m += V)
        for (int v = 0; v < V; ++v) sum[v] += row[m + v] * x[begin + m + v];
    M rest = 0;
    for (; m < count; ++m) rest += row[m] * x[begin + m];
    for (int h = V / 2; h > 0; h /= 2)
        for (int v = 0; v < h; ++v) sum[v] += sum[v + h];
    x[i] = coarse_rhs(i) - (sum[0] + rest);
}
for (int i = 0; i < n; ++i) x[i] *= a[(long long)i * width + reach];
for (int i = n - 1; i > 0; --i) {
    const int begin = i > reach ? i - reach : 0, count = i - begin;
    const M* row = a + (long long)i * width + reach - count;
    const M value = x[i];
    for (int m = 0; m < count; ++m) x[begin + m] -= row[m] * value;
}
if (LOCAL)
    for (int b = 0; b < n / R; ++b)
        for (int f = 0; f < R; ++f)
            for (int g = 0; g < R; ++g) x[b * R + f] -= local_inverse.data[(b * R + f) * R + g] * coarse_rhs(b * R + g);
