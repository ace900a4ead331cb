// Sums over moving regions are sums of integers, so that their order does not matter: 1 stands for 1 / quantum. Quantum
// is so small that no sum over all cells overflows; it is 0 if a value is not finite, and then nothing is summed.
constexpr double UNUSABLE = 1e300;
auto quantum_of = [&](double spread) -> double {
    const double most = spread * (double(leaves) * L);
    return !(spread < UNUSABLE) ? 0.0 : most > 1e-280 ? 4e18 / most : 1.0;
};
(void)quantum_of;
