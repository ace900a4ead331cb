// extremes [leaves, 2]: the largest row sum of |A| over a leaf's fluid, and the largest 1 / density. One leaf a block.
const int n = leaves * L;
double most = 0.0, lightest = 0.0;
for (int l = lane; l < L; l += lanes) {
    const int i = slot * L + l;
    if (fluid.data[i] != FLUID) continue;
    double row = diagonal.data[i];
    for (int d = 0; d < DIRECTIONS; ++d) row += conductance.data[d * n + i];
    most = row > most ? row : most;
    const double light = 1.0 / density.data[i];
    lightest = light > lightest ? light : lightest;
}
keep_largest(most, lightest, extremes.data);
