// The inverse of one leaf's matrix as G^T G, from its factor: G = D^-1/2 L^-1, stored as the symmetric array [L, L] whose
// lower triangle is G. Unlike the inverse itself, G can be rounded: the product stays positive definite, and as close to
// the inverse as G is to its rounding, whatever the conditioning. An unchanged leaf keeps what it has.
if (!changed.data[slot]) return;
const int place = places.data[slot], w = place % W;
const double* f = factor.data + (place / W) * (L * (BW + 1) * W) + w;
double* out = inverse.data + (long long)slot * L * L;
for (int j = lane; j < L; j += lanes) {                                  // lane j owns column j
    for (int i = j; i < L; ++i) {
        double sum = i == j ? 1.0 : 0.0;
        for (int k = 1; k <= BW && i - k >= j; ++k) sum -= f[(i * (BW + 1) + k) * W] * out[(i - k) * L + j];
        out[i * L + j] = sum;
    }
}
HP_SYNC;                                            // each lane wrote columns; rows are scaled next
for (int t = lane; t < L * L; t += lanes) {
    const int i = t / L, j = t % L;
    if (i < j) continue;
    const double value = out[t] * sqrt(f[i * (BW + 1) * W]);
    out[t] = value;
    out[j * L + i] = value;
}
