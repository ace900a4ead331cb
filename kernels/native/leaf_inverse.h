// Dense inverse [L, L] of one leaf from its factor; lane j owns column j. Only rows i >= j are computed and mirrored,
// so the result is symmetric to the last bit. An unchanged leaf keeps its inverse.
if (!changed.data[slot]) return;
const int place = places.data[slot], w = place % W;
const double* f = factor.data + (place / W) * (L * (BW + 1) * W) + w;
double* out = inverse.data + (long long)slot * L * L;
for (int j = lane; j < L; j += lanes) {
    for (int i = j; i < L; ++i) {
        double sum = i == j ? 1.0 : 0.0;
        for (int k = 1; k <= BW && i - k >= j; ++k) sum -= f[(i * (BW + 1) + k) * W] * out[(i - k) * L + j];
        out[i * L + j] = sum;
    }
    for (int i = L - 1; i >= j; --i) {
        double sum = out[i * L + j] * f[i * (BW + 1) * W];
        for (int k = 1; k <= BW && i + k < L; ++k) sum -= f[((i + k) * (BW + 1) + k) * W] * out[(i + k) * L + j];
        out[i * L + j] = sum;
    }
}
HP_SYNC;
for (int t = lane; t < L * L; t += lanes)
    if (t / L < t % L) out[t] = out[(t % L) * L + t / L];
