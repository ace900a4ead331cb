// Dense inverse [n, n] from coarse/band_factor.h's result; a lane owns a column, a block COLUMNS of them. Rows i >= j, then
// mirrored: entry (j, i) is nobody else's.
double stale = 0.0;
for (int b = lane; b < leaves; b += lanes) stale += changed.data[b];
if (block_sum(stale) == 0.0) return;
const double* a = band.data;
double* out = inverse.data;
const int last_column = (slot + 1) * COLUMNS < n ? (slot + 1) * COLUMNS : n;
for (int j = slot * COLUMNS + lane; j < last_column; j += lanes) {
    for (int i = j; i < n; ++i) {
        double sum = i == j ? 1.0 : 0.0;
        for (int m = begin_of(i) > j ? begin_of(i) : j; m < i; ++m)
            sum -= a[at_of(i) + m] * out[(long long)m * n + j];
        out[(long long)i * n + j] = sum;
    }
    for (int i = n - 1; i >= j; --i) {
        double sum = out[(long long)i * n + j] * a[at_of(i) + i];
        for (int m = i + 1; m < until_of(i); ++m)
            sum -= a[at_of(m) + i] * out[(long long)m * n + j];
        out[(long long)i * n + j] = sum;
    }
    for (int i = j + 1; i < n; ++i) out[(long long)j * n + i] = out[(long long)i * n + j];
}
