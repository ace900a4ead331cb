// Solves some leaves: y_i = A_ii^-1 (r_i - sum over neighbours of A_ij y_j), W leaves a block.
//
// first_visit: leaves of this and later colours still hold the last application's y, so only earlier colours count.
// Then the block writes what the coarse space needs. MODE 1: Phi_i^T r_i. MODE 2 (deflation), in a leaf's last visit:
// its share of Phi^T (r - A y). The leaf changes its neighbours' residuals through the couplings: slot (i, direction)
// of `coarse` is Phi_j^T (-A_ji)(y_i - y_i before) for a neighbour j of a later colour (any neighbour if `additive`),
// whose last solve came before. Slot (i, DIRECTIONS) is Phi_i^T of the residual that the leaf's own solve left,
// negligible unless the inverse is rounded. MODE 3 (a cycle): up through the colours, the coarse correction, then down
// again. On the way up a leaf pushes to neighbours of earlier colours, solved before it; on the way down, Phi_j
// correction_j is added to the y_j of these neighbours, only at the faces, where it is needed.
HP_SHARED T u[L * W];
constexpr bool INEXACT = MODE == 2 && DENSE + BY_PLANES > 0;
HP_SHARED T given[INEXACT ? L : 1];
HP_SHARED T tile[INEXACT ? TILE : 1];
HP_SHARED T change[DIRECTIONS * FACE];
const int n = leaves * L;
const int* group = members.data + (first + slot) * W;
const T* from[W];
for (int w = 0; w < W; ++w) from[w] = r.data + (group[w] < 0 ? 0 : group[w]) * L;   // an empty place solves for nobody
HP_SCALAR
for (int l = lane; l < L; l += lanes)
    for (int w = 0; w < W; ++w) u[l * W + w] = from[w][l];
for (int w = 0; w < W; ++w) {
    const int b = group[w];
    if (b < 0) continue;
    if (MODE == 1) {
        const M* phi = basis.data + b * (R * L);
        each_sum([&](int f, int l) { return phi[f * L + l] * r.data[b * L + l]; },
                 [&](int f, T sum) { coarse.data[b * R + f] = sum; });
    }
    if (coupled) {
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const int j = neighbor.data[b * DIRECTIONS + d];
            const bool counts = side.data[b * DIRECTIONS + d] == 0 && !(first_visit && color.data[j] >= color.data[b]);
            const bool corrected = MODE == 3 && !first_visit && color.data[j] <= color.data[b];
            const Face face = face_of(b, j, d, used.data);
            const M* phi = face_basis.data + (MODE == 3 ? (b * DIRECTIONS + d) * (FACE * R) : 0);
            HP_PER_LANE(t, d * FACE, face.cells) {
                T across = y_.data[j * L + face.there(t)];
                if (corrected)
                    for (int f = 0; f < R; ++f) across += T(phi[t * R + f]) * T(correction.data[j * R + f]);
                change[d * FACE + t] = counts ? T(conductance.data[d * n + b * L + face.here(t)]) * across : T(0);
            }
        }
        HP_SYNC;                                    // changes on all faces are written; u takes them up
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {                           // in turn: corner cells belong to several faces
            const Face face = face_of(b, b, d, used.data);
            HP_PER_LANE(t, 0, face.cells) u[face.here(t) * W + w] += change[d * FACE + t];
            HP_SYNC;                                // one face after the other: corners belong to several
        }
    }
}
if (BY_PLANES) load_planes(factor.data + (long long)group[0] * (L * (BW + 1)));
HP_SYNC;                                            // u is the right-hand side; the solve reads all of it, and the roots
if (INEXACT) {
    for (int l = lane; l < L; l += lanes) given[l] = u[l];
    clear_tile(tile);
}
if (DENSE) {
    multiply_root(factor.data + (long long)(group[0]) * (L * L), u);
} else {
    if (BY_PLANES) solve_planes(u);
    else substitute(factor.data + (first + slot) * (L * (BW + 1) * W), u);
    HP_SYNC;                                        // the lanes of one warp wrote u, every lane reads it below
}
for (int w = 0; w < W; ++w) {
    const int b = group[w];
    if (b < 0) continue;
    if (MODE >= 2 && last_visit) {
        if (INEXACT) {
            load_tile(tile, b, neighbor.data, used.data, [&](int i, int d) { return d < 0 ? u[i - b * L] : T(0); });
            HP_CELLS given[l] -= T(stencil(tile, at(x, y, z), u[l], diagonal.data, conductance.data, n, b * L + l));
            HP_SYNC;                                // given is written; sums over the leaf read it
            const M* phi = basis.data + b * (R * L);
            each_sum([&](int f, int l) { return T(phi[f * L + l]) * given[l]; },
                     [&](int f, T sum) { coarse.data[(b * (DIRECTIONS + 1) + DIRECTIONS) * R + f] = sum; });
        }
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const Face face = face_of(b, b, d, used.data);
            HP_PER_LANE(t, d * FACE, face.cells) {
                const int l = face.here(t);
                const T before = first_visit ? T(0) : y_.data[b * L + l];
                change[d * FACE + t] = T(conductance.data[d * n + b * L + l]) * (u[l * W + w] - before);
            }
        }
        HP_SYNC;                                    // changes are written; every function reads its face's
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) {
            const int j = neighbor.data[b * DIRECTIONS + d];
            const bool earlier = color.data[j] < color.data[b], later = color.data[j] > color.data[b];
            const bool pushes = side.data[b * DIRECTIONS + d] == 0 &&
                                (additive || j == b || (MODE == 3 ? earlier : later));
            if (!pushes) continue;
            const Face face = face_of(b, j, d, used.data);
            const M* phi = face_basis.data + (b * DIRECTIONS + d) * (FACE * R);
            double* __restrict__ sum = coarse.data + (b * (DIRECTIONS + 1) + d) * R;
            double pushed[HP_PRIVATE(R)];
            HP_PER_LANE(f, d * R, R) pushed[HP_MINE(f)] = 0.0;
            for (int t = 0; t < face.cells; ++t)
                HP_PER_LANE(f, d * R, R) pushed[HP_MINE(f)] += double(phi[t * R + f]) * double(change[d * FACE + t]);
            HP_PER_LANE(f, d * R, R) sum[f] = pushed[HP_MINE(f)];
        }
        HP_SYNC;                                    // pushed; the next leaf overwrites change
    }
    for (int l = lane; l < L; l += lanes) y_.data[b * L + l] = u[l * W + w];
}
HP_SYNC;                                            // u was read; the next group writes it
