// field(f, i): the first FIELDS features of fluid cell i, before they are standardised: logarithms of density and of the
// diagonal over `scale` = ||A||_inf, and for each of three axes the difference of a cell's two faces over the diagonal.
constexpr int FIELDS = 5;
const int n = leaves * L;
const double row_sum = largest_of(extremes.data), lightest = largest_of(extremes.data + 1);
const double scale = row_sum > 1e-300 ? row_sum : 1e-300;
auto field = [&](int f, int i) -> float {
    if (f == 0) {
        const double ratio = density.data[i] * lightest;
        return logf(wp::float32(ratio > 1e-30 ? ratio : 1e-30));
    }
    const double own = diagonal.data[i] / scale, most = own > 1e-12 ? own : 1e-12;
    if (f == 1) return logf(wp::float32(most));
    const int d = 2 * (f - 2);
    return d < DIRECTIONS ? wp::float32((conductance.data[(d + 1) * n + i] - conductance.data[d * n + i]) / scale / most) : 0.0f;
};
