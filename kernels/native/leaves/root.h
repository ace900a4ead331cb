// The inverse of one leaf's matrix as G^T G, from leaves/eliminate.h: G = D^-1/2 L^-1, stored as the symmetric array
// [L, L] whose lower triangle is G. Unlike the inverse itself, G can be rounded: G^T G stays positive definite, and as
// close to the inverse as the rounded G is to G, whatever the conditioning. An unchanged leaf keeps its G.
// Longest chain: L steps of a product, one column a lane; what the column's next BW rows lose is in registers.
M* out = inverse.data + (long long)leaf * L * L;
for (int i = lane; i < L; i += lanes) whole[i] = sqrt(f[i * ROW]);
HP_SYNC;                                            // whole is D^-1/2 now; every lane reads all of it
for (int j = lane; j < L; j += lanes) {
    double next[BW] = {};
    for (int i = lanes > 1 ? j / 32 * 32 : j; i < L; ++i) {                // a warp's lanes go together, to share reads
        const double value = (i == j ? 1.0 : 0.0) - next[0];
        lose(next, value, below_row(i));
        if (i >= j) out[i * L + j] = out[j * L + i] = M(value * whole[i]);
    }
}
