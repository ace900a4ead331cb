// After a check: remembers x, or returns to the best iterate where x got worse.
const double* __restrict__ from = counter.data[IMPROVED] != 0 ? x.data : x_best.data;
double* __restrict__ to = counter.data[IMPROVED] != 0 ? x_best.data : x.data;
HP_SLOT_LANES(i, n) to[i] = from[i];
