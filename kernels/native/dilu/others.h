// Red-black order: a cell is black where the sum of its global coordinates is odd. Red cells come first.
auto parity = [&](int b) { return (origin.data[3 * b] + origin.data[3 * b + 1] + origin.data[3 * b + 2]) & 1; };
// Sum over the faces of row i of coupling times what lies across, the tile around h; coupling is [DIRECTIONS, N].
// Factors may be in single precision, sums are in T: rounding sums in z = M r would cost PCG a third more iterations.
auto others = [](const T* tile, int h, const M* coupling, int n, int i) -> T {
    T sum = T(coupling[i]) * tile[h - 1] + T(coupling[n + i]) * tile[h + 1];
    sum += T(coupling[2 * n + i]) * tile[h - TZ] + T(coupling[3 * n + i]) * tile[h + TZ];
    if (DIMS == 3) {
        sum += T(coupling[(DIRECTIONS - 2) * n + i]) * tile[h - STRIDE[0]];
        sum += T(coupling[(DIRECTIONS - 1) * n + i]) * tile[h + STRIDE[0]];
    }
    return sum;
};
(void)parity; (void)others;
