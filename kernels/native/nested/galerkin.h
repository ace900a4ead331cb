// The rows of Psi^T E Psi that belong to one brick, in the layout of coarse/galerkin.h one level up: blocks [bricks,
// directions + 1, R2, R2], mass (if MASS), scale. E is given by the blocks and mass of the nodes; a brick has P nodes
// of R unknowns. The rows stay if neither the brick nor a neighbour changed.
HP_SHARED double image[L];
constexpr int P = L / R;
constexpr double LOST = 1e-14;
const int b = slot;
const int* own = nodes.data + b * P;
const double* psi = basis.data + b * (R2 * L);
int stale = changed.data[b];
for (int d = 0; d < DIRECTIONS; ++d) stale |= changed.data[brick_neighbor.data[b * DIRECTIONS + d]];
if (!stale) return;
auto leaves_brick = [&](int p, int d) {
    const int q = inside.data[p * DIRECTIONS + d];
    return q < 0 || own[q] < 0;
};
auto times = [&](const double* row, const double* values) {
    double sum = 0.0;
    for (int g = 0; g < R; ++g) sum += row[g] * values[g];
    return sum;
};
// target[h, k] = psi_h . (what row(p, f, node, k) makes of function k)
auto project = [&](auto row, double* target) {
    for (int k = 0; k < R2; ++k) {
        HP_CELLS image[l] = own[y] >= 0 ? row(y, z, own[y], k) : 0.0;
        HP_SYNC;                                    // image is written; products read all of it
        for (int h = lane; h < R2; h += lanes) {
            double sum[8] = {};
            for (int l = 0; l < L; l += 8)
                for (int a = 0; a < 8; ++a) sum[a] += psi[h * L + l + a] * image[l + a];
            for (int a = 1; a < 8; ++a) sum[0] += sum[a];
            target[h * R2 + k] = sum[0];
        }
        HP_SYNC;                                    // products are done; the next function overwrites image
    }
};
double* result = upper_blocks.data + (long long)b * ((DIRECTIONS + 1) * R2 * R2);
for (int d = 0; d < DIRECTIONS; ++d) {
    if (brick_side.data[b * DIRECTIONS + d] != 0) continue;
    project([&](int p, int f, int node, int k) {
        if (!leaves_brick(p, d) || side.data[node * DIRECTIONS + d] != 0) return 0.0;
        const int place = places.data[neighbor.data[node * DIRECTIONS + d]];
        return times(blocks.data + ((long long)node * (DIRECTIONS + 1) + d) * (R * R) + f * R,
                     basis.data + (place / P * R2 + k) * L + place % P * R);
    }, result + d * R2 * R2);
    if (MASS)
        project([&](int p, int f, int node, int k) {
            if (!leaves_brick(p, d)) return 0.0;
            return times(mass.data + ((long long)node * DIRECTIONS + d) * (R * R) + f * R, psi + k * L + p * R);
        }, upper_mass.data + ((long long)b * DIRECTIONS + d) * (R2 * R2));
}
project([&](int p, int f, int node, int k) {
    const double* block = blocks.data + (long long)node * ((DIRECTIONS + 1) * R * R) + f * R;
    double sum = times(block + DIRECTIONS * R * R, psi + k * L + p * R);
    for (int d = 0; d < DIRECTIONS; ++d)
        if (!leaves_brick(p, d)) sum += times(block + d * R * R, psi + k * L + inside.data[p * DIRECTIONS + d] * R);
    return sum;
}, result + DIRECTIONS * R2 * R2);
for (int h = lane; h < R2; h += lanes) {
    double sum = 0.0;
    for (int l = 0; l < L; ++l)
        if (own[l / R] >= 0) sum += psi[h * L + l] * psi[h * L + l] * scale.data[own[l / R] * R + l % R];
    double* value = result + DIRECTIONS * R2 * R2 + h * (R2 + 1);
    upper_scale.data[b * R2 + h] = sum > 0.0 ? sum : 1.0;
    if (*value <= LOST * upper_scale.data[b * R2 + h]) *value = upper_scale.data[b * R2 + h];
}
