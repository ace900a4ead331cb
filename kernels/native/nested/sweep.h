// One colour of the cycle, as leaves/sweep.h in MODE 3, one level up: solves y_i = E_ii^-1 (c_i - sum over neighbours
// of E_ij y_j) for W bricks of P nodes with R unknowns. c is gathered from what was pushed to the nodes
// (coarse/gather.h). Upward, bricks of this and later colours do not count, and `upper` [bricks, directions + 1, R2]
// takes psi_j^T of what a brick changes in the residual of an earlier brick j, whose functions are psi_j, in psi
// [bricks, R2, L]. Downward, psi_j correction_j is added to the y_j of earlier bricks.
constexpr int P = L / R;
HP_SHARED double u[L * W];
HP_SHARED double across[P * DIRECTIONS * R];
const int* group = members.data + (first + slot) * W;
auto leaves_brick = [&](const int* own, int p, int d) {
    const int q = inside.data[p * DIRECTIONS + d];
    return own[p] >= 0 && (q < 0 || own[q] < 0) && side.data[own[p] * DIRECTIONS + d] == 0;
};
// Visits the faces of nodes towards other bricks: at(p, d, node, neighbour, the neighbour's place, g) for g < R.
auto visit_outer = [&](const int* own, auto at) {
    constexpr int ITEMS = LANES > 1 ? R : 1;
    for (int t = lane; t < P * DIRECTIONS * ITEMS; t += lanes) {
        const int p = t / ITEMS / DIRECTIONS, d = t / ITEMS % DIRECTIONS;
        if (!leaves_brick(own, p, d)) continue;
        const int j = neighbor.data[own[p] * DIRECTIONS + d];
        for (int g = t % ITEMS; g < R; g += ITEMS) at(p, d, own[p], j, places.data[j], g);
    }
    HP_SYNC;                                        // across is written; rows read it
};
for (int w = 0; w < W; ++w) {
    const int b = group[w];
    const int* own = nodes.data + (b < 0 ? 0 : b) * P;
    HP_CELLS u[l * W + w] = b >= 0 && own[y] >= 0 ? coarse_rhs(own[y] * R + z) : 0.0;
    HP_SYNC;                                        // u is written; couplings are taken from it
    if (b < 0) continue;
    visit_outer(own, [&](int p, int d, int, int j, int place, int g) {
        const int other = place / P;
        double value = y_.data[j * R + g];
        if (upward && color.data[other] >= color.data[b]) value = 0.0;
        if (!upward && color.data[other] <= color.data[b])
            for (int h = 0; h < R2; ++h)
                value += psi.data[(other * R2 + h) * L + place % P * R + g] * correction.data[other * R2 + h];
        across[(p * DIRECTIONS + d) * R + g] = value;
    });
    HP_CELLS {
        double sum = 0.0;
        for (int d = 0; d < DIRECTIONS; ++d) {
            if (!leaves_brick(own, y, d)) continue;
            const double* row = blocks.data + ((long long)own[y] * (DIRECTIONS + 1) + d) * (R * R) + z * R;
            for (int g = 0; g < R; ++g) sum += row[g] * across[(y * DIRECTIONS + d) * R + g];
        }
        u[l * W + w] -= sum;
    }
    HP_SYNC;                                        // u is the right-hand side; across is reused
}
if (DENSE) multiply_root(factor.data + (long long)group[0] * (L * L), u);
else substitute(factor.data + (long long)(first + slot) * (L * (BW + 1) * W), u);
HP_SYNC;                                            // with factors the first W lanes wrote u, every lane reads it below
for (int w = 0; w < W; ++w) {
    const int b = group[w];
    if (b < 0) continue;
    const int* own = nodes.data + b * P;
    HP_CELLS if (own[y] >= 0) y_.data[own[y] * R + z] = u[l * W + w];
    if (!upward) continue;
    visit_outer(own, [&](int p, int d, int node, int, int, int g) {
        const double* block = blocks.data + ((long long)node * (DIRECTIONS + 1) + d) * (R * R);
        double sum = 0.0;
        for (int f = 0; f < R; ++f) sum += block[f * R + g] * u[(p * R + f) * W + w];
        across[(p * DIRECTIONS + d) * R + g] = sum;
    });
    for (int t = lane; t < DIRECTIONS * R2; t += lanes) {
        const int d = t / R2, h = t % R2, other = brick_neighbor.data[b * DIRECTIONS + d];
        const bool pushes = brick_side.data[b * DIRECTIONS + d] == 0 && (other == b || color.data[other] < color.data[b]);
        if (!pushes) continue;
        double sum = 0.0;
        for (int p = 0; p < P; ++p) {
            if (!leaves_brick(own, p, d)) continue;
            const int place = places.data[neighbor.data[own[p] * DIRECTIONS + d]];
            const double* function = psi.data + (other * R2 + h) * L + place % P * R;
            for (int g = 0; g < R; ++g) sum += function[g] * across[(p * DIRECTIONS + d) * R + g];
        }
        upper.data[(b * (DIRECTIONS + 1) + d) * R2 + h] = -sum;
    }
    HP_SYNC;                                        // across was read; the next brick overwrites it
}
HP_SYNC;                                            // u was read; the next group writes it
