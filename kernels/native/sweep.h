// Solves some leaves: y_i = A_ii^-1 (r_i - sum over neighbours of A_ij y_j), W leaves a block.
//
// first_visit: leaves of this and later colours still hold the last application's y, so only earlier colours count.
// Then what the coarse space needs. RESTRICT 1: Phi_i^T r_i. RESTRICT 2 (deflation): of r - A y only the couplings to
// what changed after a leaf was last solved remain, so each leaf pushes Phi_j^T (-A_ji)(y_i - y_i before) to the
// neighbours j of later colours (every neighbour when `additive`); slot (i, direction) of `coarse` is its own.
HP_SHARED M x[L * W];
HP_SHARED M change[DIRECTIONS * FACE];
const int n = leaves * L;
const int* group = members.data + (first + slot) * W;
const T* from[W];
for (int w = 0; w < W; ++w) from[w] = r.data + (group[w] < 0 ? 0 : group[w]) * L;   // an empty place solves for nobody
for (int l = lane; l < L; l += lanes)
    for (int w = 0; w < W; ++w) x[l * W + w] = M(from[w][l]);
for (int w = 0; w < W; ++w) {
    const int b = group[w];
    if (b < 0) continue;
    if (RESTRICT == 1) {
        const M* phi = basis.data + b * (R * L);
        each_sum([&](int f, int l) { return phi[f * L + l] * M(r.data[b * L + l]); },
                    [&](int f, M sum) { coarse.data[b * R + f] = sum; });
    }
    if (coupled) {
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const int j = neighbor.data[b * DIRECTIONS + d];
            const bool counts = side.data[b * DIRECTIONS + d] == 0 && !(first_visit && color.data[j] >= color.data[b]);
            const Face face = face_of(b, j, d, used.data);
            HP_SHARE(t, d * FACE, face.cells)
                change[d * FACE + t] = counts ? M(conductance.data[d * n + b * L + face.here(t)]) *
                                                    y_.data[j * L + face.there(t)] : M(0);
        }
        HP_SYNC;
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {                           // in turn: corner cells belong to several faces
            const Face face = face_of(b, b, d, used.data);
            HP_SHARE(t, 0, face.cells) x[face.here(t) * W + w] += change[d * FACE + t];
            HP_SYNC;
        }
    }
}
HP_SYNC;
if (DENSE) {
    constexpr int PARTS = LANES >= L ? LANES / L : 1, TOGETHER = LANES >= L ? 1 : 32;
    HP_SHARED M partial[PARTS * L];
    const M* inverse = factor.data + (long long)(group[0]) * (L * L);
    for (int t = lane; t < PARTS * L / TOGETHER; t += lanes) {
        const int part = t / (L / TOGETHER), i = t % (L / TOGETHER) * TOGETHER;
        M sum[TOGETHER] = {};
        for (int j = part * (L / PARTS); j < (part + 1) * (L / PARTS); ++j)
            for (int k = 0; k < TOGETHER; ++k) sum[k] += inverse[j * L + i + k] * x[j];
        for (int k = 0; k < TOGETHER; ++k) partial[part * L + i + k] = sum[k];
    }
    HP_SYNC;
    for (int l = lane; l < L; l += lanes) {
        M sum = partial[l];
        for (int part = 1; part < PARTS; ++part) sum += partial[part * L + l];
        x[l] = sum;
    }
    HP_SYNC;
} else {
    substitute(factor.data + (first + slot) * (L * (BW + 1) * W), x);
}
for (int w = 0; w < W; ++w) {
    const int b = group[w];
    if (b < 0) continue;
    if (RESTRICT == 2) {
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const Face face = face_of(b, b, d, used.data);
            HP_SHARE(t, d * FACE, face.cells) {
                const int l = face.here(t);
                const M before = first_visit ? M(0) : y_.data[b * L + l];
                change[d * FACE + t] = x[l * W + w] - before;
            }
        }
        HP_SYNC;
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const int j = neighbor.data[b * DIRECTIONS + d];
            const bool pushes = side.data[b * DIRECTIONS + d] == 0 &&
                                (additive || j == b || color.data[j] > color.data[b]);
            if (!pushes) continue;
            const Face face = face_of(b, j, d, used.data);
            const M* phi = face_basis.data + (b * DIRECTIONS + d) * (FACE * R);
            M* sum = coarse.data + (b * DIRECTIONS + d) * R;
            HP_SHARE(f, d * R, R) sum[f] = M(0);
            for (int t = 0; t < face.cells; ++t) HP_SHARE(f, d * R, R) sum[f] += phi[t * R + f] * change[d * FACE + t];
        }
        HP_SYNC;
    }
    for (int l = lane; l < L; l += lanes) y_.data[b * L + l] = x[l * W + w];
}
HP_SYNC;
