// vector -= mean of its region, in two steps; a region that holds a NaN or Inf stays as it is.
HP_SLOT_LANES(i, n) {
    const int g = region.data[i];
    if (g >= 0 && rest.data[g] - rest.data[g] == 0.0) vector.data[i] = (vector.data[i] - shift.data[g]) - rest.data[g];
}
