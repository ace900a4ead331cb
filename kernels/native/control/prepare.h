// b *= 1 / ||b||; x = 0, or the last pressure in the same units.
const double scale = state.data[SCALE];
const double* __restrict__ last = pressure.data;
double* __restrict__ to_b = b.data;
double* __restrict__ to_x = x.data;
double* __restrict__ to_best = x_best.data;
const bool starts = warm_start != 0 && scale > 0.0;
HP_SLOT_LANES(i, n) {
    to_b[i] *= scale > 0.0 ? scale : 1.0;
    to_x[i] = starts ? last[i] * scale : 0.0;
    to_best[i] = 0.0;
}
