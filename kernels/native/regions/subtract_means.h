// vector -= mean of its region, in two steps; a region that holds a NaN or Inf stays as it is.
for (int i = slot * LANES + lane; i < n; i += slots * LANES) {
    const int g = region.data[i];
    if (g >= 0 && rest.data[g] - rest.data[g] == 0.0) vector.data[i] = (vector.data[i] - shift.data[g]) - rest.data[g];
}
