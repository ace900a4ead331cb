// One leaf's part of z = M r: y = D r with its dense block [L, L], and restricted = (U^T r, V^T r), the leaf's 2 RANK
// basis functions [2 RANK, L] times r. D is symmetric: lanes read a row of it side by side.
constexpr int PARTS = LANES >= L ? LANES / L : 1, TOGETHER = LANES >= L ? 1 : 32;
HP_SHARED M x[L];
HP_SHARED M partial[PARTS * L];
for (int l = lane; l < L; l += lanes) x[l] = M(r.data[slot * L + l]);
HP_SYNC;                                            // x is written; every lane reads its part of it
const S* block = blocks.data + (long long)slot * L * L;
for (int t = lane; t < PARTS * L / TOGETHER; t += lanes) {
    const int part = t / (L / TOGETHER), i = t % (L / TOGETHER) * TOGETHER;
    M sum[TOGETHER] = {};
    for (int j = part * (L / PARTS); j < (part + 1) * (L / PARTS); ++j)
        for (int k = 0; k < TOGETHER; ++k) sum[k] += M(block[j * L + i + k]) * x[j];
    for (int k = 0; k < TOGETHER; ++k) partial[part * L + i + k] = sum[k];
}
HP_SYNC;                                            // shares of a row are written; one lane adds them
for (int l = lane; l < L; l += lanes) {
    M sum = partial[l];
    for (int part = 1; part < PARTS; ++part) sum += partial[part * L + l];
    y_.data[slot * L + l] = sum;
}
const S* phi = basis.data + (long long)slot * (R * L);
each_sum([&](int f, int l) { return M(phi[f * L + l]) * x[l]; },
         [&](int f, M sum) { restricted.data[slot * R + f] = sum; });
