// One panel of the inverse of a symmetric positive definite matrix [pitch, pitch] by Gauss-Jordan exchanges over tiles
// of TILE, from `before` to `after`; slot is tile (i, j), j <= i, and (j, i) its transpose. With P = A_kk for panel k:
//   A_kk -> -P^-1,   A_ik -> A_ik P^-1,   A_kj -> P^-1 A_kj,   A_ij -> A_ij - A_ik P^-1 A_kj,
// The matrix stays symmetric, and after the last panel it is minus the inverse; that panel turns the sign. P^-1 is
// never formed: with P = L D L^T and G = D^-1/2 L^-1, all four are a product of A_ik G^T and G A_kj, with the identity
// in place of P. Forming A_ik P^-1 A_kj as it is written would lose the square of what this product loses.
// A lost pivot is replaced by its unknown's scale, as in coarse/band_factor.h.
// Longest chain: TILE steps of a reciprocal, two products and a barrier; then two products of tiles.
constexpr double LOST = 1e-14;
constexpr int PITCH = TILE + 1, CELLS = TILE * TILE;                      // odd rows in shared memory: columns hit all banks
HP_SHARED double root[2][TILE * PITCH];
HP_SHARED double left[TILE * PITCH];
HP_SHARED double right[TILE * PITCH];
if (stale.data[0] == 0) return;                                        // the inverse at hand is of this very matrix
int i = 0;
while ((i + 1) * (i + 2) / 2 <= slot) ++i;
const int j = slot - i * (i + 1) / 2, k = panel, pitch = panels * TILE;
auto entry = [&](int row_tile, int column_tile, int t) {
    return before.data[(long long)(row_tile * TILE + t / TILE) * pitch + column_tile * TILE + t % TILE];
};
for (int t = lane; t < CELLS; t += lanes) {
    const int r = t / TILE, c = t % TILE, at = r * PITCH + c;
    root[0][at] = entry(k, k, t);
    left[at] = i != k ? entry(i, k, t) : r == c ? 1.0 : 0.0;
    right[at] = j != k ? entry(k, j, t) : r == c ? 1.0 : 0.0;
}
HP_SYNC;                                            // tiles are loaded; the elimination reads rows and columns
// Goes row by row from one copy to the other, so that one barrier a row is enough. L^-1 takes the place of what is
// eliminated: rows below s lose row s, whose entries left of s are those of L^-1. D^-1 takes the place of the diagonal.
for (int s = 0; s < TILE; ++s) {
    const double* old = root[s % 2];
    double* next = root[1 - s % 2];
    const int q = k * TILE + s;
    const double d = old[s * PITCH + s], whole = q < n ? scale.data[q] : 1.0;
    const double p = 1.0 / (d > LOST * whole ? d : whole);
    for (int t = lane; t < CELLS; t += lanes) {
        const int r = t / TILE, c = t % TILE, at = r * PITCH + c;
        const double multiplier = old[r * PITCH + s] * p;
        next[at] = r <= s ? (r == s && c == s ? p : old[at]) : c == s ? -multiplier : old[at] - multiplier * old[s * PITCH + c];
    }
    HP_SYNC;                                        // the copy is written; the next step reads it
}
static_assert(TILE % 2 == 0, "the last step writes the first copy");
double* G = root[1];
for (int t = lane; t < CELLS; t += lanes) {
    const int r = t / TILE, c = t % TILE;
    const double size = sqrt(root[0][r * PITCH + r]);
    G[r * PITCH + c] = c > r ? 0.0 : c == r ? size : size * root[0][r * PITCH + c];
}
HP_SYNC;                                            // G is written, root[0] is free; products read all of G
auto dot = [&](auto a, auto b) {
    double sum[4] = {};
    for (int s = 0; s < TILE; s += 4)
        for (int v = 0; v < 4; ++v) sum[v] += a(s + v) * b(s + v);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
};
double* down = root[0];                                                  // A_ik G^T
for (int t = lane; t < CELLS; t += lanes) {
    const int r = t / TILE, c = t % TILE;
    down[r * PITCH + c] = dot([&](int s) { return left[r * PITCH + s]; }, [&](int s) { return G[c * PITCH + s]; });
}
HP_SYNC;                                            // left was read; it is written next
double* across = left;                                                   // G A_kj
for (int t = lane; t < CELLS; t += lanes) {
    const int r = t / TILE, c = t % TILE;
    across[r * PITCH + c] = dot([&](int s) { return G[r * PITCH + s]; }, [&](int s) { return right[s * PITCH + c]; });
}
HP_SYNC;                                            // down and across are written, right was read; it takes the result
const double turn = panel == panels - 1 ? -1.0 : 1.0, sign = (i == k) == (j == k) ? -1.0 : 1.0;
for (int t = lane; t < CELLS; t += lanes) {
    const int r = t / TILE, c = t % TILE;
    const double both = dot([&](int s) { return down[r * PITCH + s]; }, [&](int s) { return across[s * PITCH + c]; });
    right[r * PITCH + c] = turn * ((i != k && j != k ? entry(i, j, t) : 0.0) + sign * both);
}
HP_SYNC;                                            // right is the result; it is written by rows, and by columns
for (int t = lane; t < CELLS; t += lanes) {
    const int r = t / TILE, c = t % TILE;
    const bool swap = i == j && c > r;                                   // of a diagonal tile, the lower triangle counts
    after.data[(long long)(i * TILE + r) * pitch + j * TILE + c] = right[swap ? c * PITCH + r : r * PITCH + c];
    if (i != j) after.data[(long long)(j * TILE + r) * pitch + i * TILE + c] = right[c * PITCH + r];
}
