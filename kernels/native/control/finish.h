// pressure = ||b|| x; after bad input the last good pressure, or zero.
const int status = counter.data[STATUS];
const bool bad = status == NONFINITE_RHS || status == BAD_DENSITY;
if (bad && keep_last != 0) return;
const double norm = state.data[RHS_NORM];
const double* __restrict__ from = x.data;
double* __restrict__ to = pressure.data;
HP_SLOT_LANES(i, n) to[i] = bad ? 0.0 : from[i] * norm;
