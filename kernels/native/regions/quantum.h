// Sums over moving regions are sums of integers, whose order does not matter: one is 1 / quantum. No sum of all cells
// overflows. 0: a value is not finite, and nothing is summed.
constexpr double UNUSABLE = 1e300;
auto quantum_of = [&](double spread) -> double {
    const double most = spread * (double(leaves) * L);
    return !(spread < UNUSABLE) ? 0.0 : most > 1e-280 ? 4e18 / most : 1.0;
};
(void)quantum_of;
