// (A x)_i in differences, from the tile around h. On a line of strongly coupled cells x is nearly constant, and large:
// the diagonal times x, less the couplings times x, would leave little but rounding.
auto differences = [&](const double* tile, int h, double own, int n, int i) -> double {
    const double* c = conductance.data + i;
    return leak.data[i] * own + c[0] * (own - tile[h - 1]) + c[n] * (own - tile[h + 1]) +
           c[2 * n] * (own - tile[h - TZ]) + c[3 * n] * (own - tile[h + TZ]);
};
