// L D L^T of a banded symmetric matrix, one block for all of it: multipliers below the diagonal, 1 / d on it. Layout as
// in coarse/band.h. A singular region would leave a zero pivot, so the diagonal of its pin, one unknown, gets the
// unknown's scale added. A pivot lost all the same is replaced by that scale. Where no pins are known, every diagonal
// entry gets `slack` times its scale added instead.
constexpr double LOST = 1e-14;
double stale = 0.0;
for (int b = lane; b < leaves; b += lanes) stale += changed.data[b];
if (block_sum(stale) == 0.0) return;                                   // the factor at hand is of this very matrix
double* a = factor.data;
for (long long t = lane; t < (long long)n * width; t += lanes) a[t] = band.data[t];
HP_SYNC;                                            // the copy is written; lane 0 adds pins to it
if (lane == 0)                                                           // two regions may share a lumped unknown
    for (int g = 0; g < regions; ++g) {
        const int q = pins.data[g];
        a[at_of(q) + q] += scale.data[q];
    }
if (slack > 0.0)
    for (int q = lane; q < n; q += lanes) a[at_of(q) + q] += slack * scale.data[q];
HP_SYNC;                                            // pinned; column 0 is read next
auto pivot_of = [&](int q, double d) -> double { return d > LOST * scale.data[q] ? d : scale.data[q]; };
#if defined(__CUDA_ARCH__)
for (int j = 0; j < n; ++j) {
    const int count = until_of(j) - 1 - j;
    double* below = column.data;                                       // column j below the diagonal, unscaled
    const double inverse = 1.0 / pivot_of(j, a[at_of(j) + j]);
    for (int t = lane; t < count; t += lanes) below[t] = a[at_of(j + 1 + t) + j];
    HP_SYNC;                                        // column j is copied; all read it below
    for (int t = lane; t < count * count; t += lanes) {
        const int i = t / count, m = t % count;
        if (m <= i) a[at_of(j + 1 + i) + j + 1 + m] -= below[i] * inverse * below[m];
    }
    for (int t = lane; t < count; t += lanes) a[at_of(j + 1 + t) + j] = below[t] * inverse;
    if (lane == 0) a[at_of(j) + j] = inverse;
    HP_SYNC;                                        // the columns behind j are updated; the next one is read
}
#else
// PANEL columns at a time, unscaled in `below`, from row j on. The rows behind them are updated once for all of them, by whole
// vectors from the diagonal to the left: what these reach beyond the panel is multiplied by zero.
constexpr int PANEL = 4, WIDE = 8;
const int pitch = width + PANEL + 2 * WIDE;         // PANEL of these: kernels.coarse.band_scratch
double* below[PANEL];
for (int k = 0; k < PANEL; ++k) below[k] = column.data + k * pitch + WIDE;
for (int t = 0; t < PANEL * pitch; ++t) column.data[t] = 0.0;
for (int j = 0; j < n; j += PANEL) {
    HP_CONTRACT
    const int columns = n - j < PANEL ? n - j : PANEL, rows = until_of(j + columns - 1) - j;
    double inverse[PANEL] = {};
    for (int k = 0; k < columns; ++k) {
        const int end = until_of(j + k) - j;
        for (int t = k; t < end; ++t) below[k][t] = a[at_of(j + t) + j + k];
        for (int t = end; t < rows; ++t) below[k][t] = 0.0;
    }
    for (int k = 0; k < columns; ++k) {
        inverse[k] = 1.0 / pivot_of(j + k, below[k][k]);
        for (int m = k + 1; m < columns; ++m) {
            const double multiplier = below[k][m] * inverse[k];
            HP_VECTOR for (int t = m; t < rows; ++t) below[m][t] -= multiplier * below[k][t];
        }
    }
    for (int k = 0; k < columns; ++k) {
        a[at_of(j + k) + j + k] = inverse[k];
        for (int t = k + 1; t < until_of(j + k) - j; ++t) a[at_of(j + t) + j + k] = below[k][t] * inverse[k];
        for (int t = 0; t < PANEL; ++t) below[k][t] = 0.0;
    }
    for (int t = PANEL; t < rows; ++t) {
        double by[PANEL];
        bool any = false;
#pragma unroll
        for (int k = 0; k < PANEL; ++k) by[k] = below[k][t] * inverse[k], any |= by[k] != 0.0;
        if (!any) continue;
        double* row = a + at_of(j + t) + j;
        for (int m = t + 1 - WIDE; m > PANEL - WIDE; m -= WIDE)
            HP_ROLLED for (int v = m; v < m + WIDE; ++v) {
                double value = row[v];
#pragma unroll
                for (int k = 0; k < PANEL; ++k) value -= by[k] * below[k][v];
                row[v] = value;
            }
    }
}
#endif
