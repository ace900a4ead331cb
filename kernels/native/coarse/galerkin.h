// The rows of E = Phi^T A Phi that belong to one leaf i: E_ij of each neighbour and, last, E_ii, as blocks [leaves,
// directions + 1, R, R]. For each face also, if FACES, face_basis [leaves, directions, FACE, R], the neighbour's
// functions there, and, if MASS, what closing the face takes off E_ii: mass = Phi_i^T (conductances of the face) Phi_i,
// [leaves, directions, R, R]. If LOCAL, also the inverse of Phi_i^T A_ii Phi_i [R, R], for the additive form, with cells
// pinned as in the leaf's solve. scale [n] is phi.(D phi), from A's diagonal D alone. A masked function, which is zero,
// gets 1 on the diagonal of E. The rows stay if neither the leaf nor a neighbour changed.
HP_SHARED double tile[TILE];
HP_SHARED double image[L];
HP_SHARED double block[R * R];
HP_SHARED double mine[FACE * R];
HP_SHARED M theirs[FACES ? 1 : FACE * R];
constexpr double LOST = 1e-14;
const int n = leaves * L, b = slot;
const M* phi = basis.data + b * (R * L);
int stale = changed.data[b];
for (int d = 0; d < DIRECTIONS; ++d) stale |= changed.data[neighbor.data[b * DIRECTIONS + d]];
if (!stale) return;
double* own_block = blocks.data + ((long long)b * (DIRECTIONS + 1) + DIRECTIONS) * (R * R);
auto dot = [&](int f, auto value) -> double {
    double sum[8] = {};
    for (int l = 0; l < L; l += 8)
        for (int a = 0; a < 8; ++a) sum[a] += double(phi[f * L + l + a]) * value(l + a);
    for (int a = 1; a < 8; ++a) sum[0] += sum[a];
    return sum[0];
};
clear_tile(tile);
for (int g = 0; g < R; ++g) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int d) { return d < 0 ? double(phi[g * L + i - b * L]) : 0.0; });
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l;
        double row[V];
        for (int v = 0; v < V; ++v) row[v] = stencil(tile, h + v, tile[h + v], diagonal.data, conductance.data, n, i + v);
        for (int v = 0; v < V; ++v) image[l + v] = row[v];
    }
    HP_SYNC;                                        // A phi_g is written; lanes form products with it
    for (int f = lane; f < R; f += lanes)
        block[f * R + g] = f >= g ? dot(f, [&](int l) { return image[l]; }) : block[g * R + f];
    HP_SYNC;                                        // products are done; the next function overwrites image
}
for (int f = lane; f < R; f += lanes) {
    const double sum = dot(f, [&](int l) { return double(phi[f * L + l]) * diagonal.data[b * L + l]; });
    scale.data[b * R + f] = sum > 0.0 ? sum : 1.0;
}
HP_SYNC;                                            // block and scale are written; lane 0 inverts them
if (LOCAL && lane == 0) {                                             // Gauss-Jordan on a copy, pivots guarded
    double* inverse = local_inverse.data + b * (R * R);
    HP_SHARED double a[R * R];
    for (int t = 0; t < R * R; ++t) a[t] = block[t];
    for (int l = 0; l < L; ++l)
        if (pinned.data[b * L + l])
            for (int t = 0; t < R * R; ++t)
                a[t] += diagonal.data[b * L + l] * double(phi[t / R * L + l]) * double(phi[t % R * L + l]);
    for (int k = 0; k < R; ++k) {
        const double whole = scale.data[b * R + k];
        const double pivot = 1.0 / (a[k * R + k] > LOST * whole ? a[k * R + k] : whole);
        a[k * R + k] = 1.0;
        for (int j = 0; j < R; ++j) a[k * R + j] *= pivot;
        for (int i = 0; i < R; ++i)
            if (i != k) {
                const double along = a[i * R + k];
                a[i * R + k] = 0.0;
                for (int j = 0; j < R; ++j) a[i * R + j] -= along * a[k * R + j];
            }
    }
    for (int f = 0; f < R; ++f)
        for (int g = 0; g < R; ++g) inverse[f * R + g] = 0.5 * (a[f * R + g] + a[g * R + f]);
}
HP_SYNC;                                            // lane 0 has read block, which stays; own_block comes next
for (int t = lane; t < R * R; t += lanes) {
    const int f = t / R, g = t % R;
    double value = block[t];
    if (f == g && value <= LOST * scale.data[b * R + f]) value = scale.data[b * R + f];
    own_block[t] = value;
}
HP_SYNC;                                            // own_block is written; faces follow
#pragma unroll
for (int d = 0; d < DIRECTIONS; ++d) {
    const int j = neighbor.data[b * DIRECTIONS + d];
    if (side.data[b * DIRECTIONS + d] != 0) continue;
    const Face face = face_of(b, j, d, used.data);
    M* across = FACES ? face_basis.data + (b * DIRECTIONS + d) * (FACE * R) : theirs;
    for (int t = lane; t < R * face.cells; t += lanes) {
        const int s = t / R, g = t % R;
        across[t] = basis.data[(j * R + g) * L + face.there(s)];
        mine[t] = double(phi[g * L + face.here(s)]);
    }
    HP_SYNC;                                        // both sides of the face are written; read next
    double* __restrict__ to = blocks.data + ((long long)b * (DIRECTIONS + 1) + d) * (R * R);
    double* __restrict__ closed = mass.data + (MASS ? (long long)(b * DIRECTIONS + d) * (R * R) : 0);
    for (int f = 0; f < R; ++f) {
        double coupled[HP_PRIVATE(R)], taken[HP_PRIVATE(R)];
        HP_PER_LANE(g, 0, R) coupled[HP_MINE(g)] = taken[HP_MINE(g)] = 0.0;
        for (int s = 0; s < face.cells; ++s) {
            const double flux = mine[s * R + f] * conductance.data[d * n + b * L + face.here(s)];
            HP_PER_LANE(g, 0, R) coupled[HP_MINE(g)] -= flux * double(across[s * R + g]);
            if (MASS) HP_PER_LANE(g, 0, R) taken[HP_MINE(g)] += flux * mine[s * R + g];
        }
        HP_PER_LANE(g, 0, R) to[f * R + g] = coupled[HP_MINE(g)];
        if (MASS) HP_PER_LANE(g, 0, R) closed[f * R + g] = taken[HP_MINE(g)];
    }
    HP_SYNC;                                        // the face was read; the next one is written
}
