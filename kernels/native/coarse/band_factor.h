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
for (int j = 0; j < n; ++j) {
    const int count = until_of(j) - 1 - j;
    double* below = column.data;                                       // column j below the diagonal, unscaled
    const double d = a[at_of(j) + j], whole = scale.data[j];
    const double inverse = 1.0 / (d > LOST * whole ? d : whole);
    for (int t = lane; t < count; t += lanes) below[t] = a[at_of(j + 1 + t) + j];
    HP_SYNC;                                        // column j is copied; all read it below
#if defined(__CUDA_ARCH__)
    for (int t = lane; t < count * count; t += lanes) {
        const int i = t / count, m = t % count;
        if (m <= i) a[at_of(j + 1 + i) + j + 1 + m] -= below[i] * inverse * below[m];
    }
#else
    for (int i = 0; i < count; ++i) {
        const double multiplier = below[i] * inverse;
        double* __restrict__ row = a + at_of(j + 1 + i) + j + 1;
        if (multiplier != 0.0)
            for (int m = 0; m <= i; ++m) row[m] -= multiplier * below[m];
    }
#endif
    for (int t = lane; t < count; t += lanes) a[at_of(j + 1 + t) + j] = below[t] * inverse;
    if (lane == 0) a[at_of(j) + j] = inverse;
    HP_SYNC;                                        // the columns behind j are updated; the next one is read
}
