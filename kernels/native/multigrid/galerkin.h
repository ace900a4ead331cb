// The operator of the next coarser level, P^T A P.
//
// c_IJ = -sum_i P_iI (A P_J)_i with A in differences, (A P_J)_i = s_i P_iJ + sum_d c_id (P_iJ - P_(i+d)J): where a
// strong coupling joins two cells their shares hardly differ, and rounded differences lose nothing that matters. The
// coarse s is P^T A P 1, from what interpolation leaves of 1 (X, ``weights.h``), so zero stays zero.
//
// On CUDA each lane forms one number of a coarse cell, a coupling or s; the CPU forms all of a group of rows at once.
auto galerkin = [&](const Level& f, const Level& g) {
    HP_CONTRACT
    const int stride = f.stride(0);
    const M* weights = g.part(W);
    // Fine cells from coarse cell p to the next one in direction d; across a seam of odd length they lie side by side.
    auto seam = [&](int axis) -> bool { return f.wraps(axis) && f.stride(axis) == 2 && f.length(axis) % 2; };
    auto shift = [&](int axis, int p, int d) -> int {
        return seam(axis) && (p + d < 0 || p + d >= g.length(axis)) ? d : f.stride(axis) * d;
    };
    // Whether the cell at offset o from a coarse cell may have a share of it.
    auto near = [&](const Offset& o) -> bool {
        return o.x * o.x < f.stride(2) && o.y * o.y < f.stride(1) && o.z * o.z < f.stride(0);
    };
    // Whether the cell at offset d is the cell itself, across the seams of axes of a single cell.
    auto is_itself = [&](const Offset& d) -> bool {
        return (!d.z || (g.wraps(0) && g.z == 1)) && (!d.y || (g.wraps(1) && g.y == 1)) && (!d.x || (g.wraps(2) && g.x == 1));
    };
#if defined(HP_BY_LANE)
    EACH_LINE(g.x * (HALF + 1), g.y, g.z) {
        const int role = x / g.x, I = x % g.x, J = y;
        const bool leak = role == HALF;
        const Offset to_j = leak ? Offset{0, 0, 0} : forward_of(role);
        M* to = g.part(leak ? S : C + role) + g.row(I, J);
        for (int K = k0; K < k1; ++K) {
            const long long own = g.row(I, J) + K, across = g.row(I + to_j.x, J + to_j.y) + K + to_j.z;
            M sum = 0;
#pragma unroll 1
            for (int code = -HALF; code <= HALF; ++code) {                         // the fine cells i around I
                const Offset o = offset_of(code);
                const int i = f.stride(2) * I + o.x, j = f.stride(1) * J + o.y, k = stride * K + o.z;
                if (!near(o) || !f.inside(i, j)) continue;
                const Offset p = {o.x - shift(2, I, to_j.x), o.y - shift(1, J, to_j.y), o.z - shift(0, K, to_j.z)};
                const M u = f.part(X)[f.row(i, j) + k], s = f.part(S)[f.row(i, j) + k];
                const M mine = leak ? M(1) - u : near(p) ? weights[p.weight() * g.size + across] : M(0);
                M product = s * mine;                                              // (A P_J)_i, or for s (A P 1)_i
#pragma unroll 1
                for (int to = -HALF; to <= HALF; ++to) {
                    const Offset d = offset_of(to), q = {p.x + d.x, p.y + d.y, p.z + d.z};
                    if (to == 0 || !f.stored(d)) continue;
                    const M theirs = leak      ? M(1) - f.part(X)[f.row(i + d.x, j + d.y) + k + d.z]
                                     : near(q) ? weights[q.weight() * g.size + across]
                                               : M(0);
                    product += f.to(i, j, d)[k] * (mine - theirs);
                }
                sum += weights[o.weight() * g.size + own] * product;
            }
            to[K] = leak ? sum : is_itself(to_j) ? M(0) : -sum;
        }
        g.seam(to, k0, k1);
    }
#else
    const int step[3] = {f.stride(0), f.stride(1), f.stride(2)};
    const long long pitch = (long long)step[1] * f.pitch;                      // from a coarse row's fine row to the next one's
    const Groups groups = {g.y, g.wraps(1)};
    EACH_LINE(g.x, groups.count(), g.z) {
        const int I = x, J = groups.first(y), count_j = groups.rows(y);
        long long rows[9];                                                     // of the coarse cells around
        for (int n = 0; n < 9; ++n) rows[n] = g.row(I + n / 3 - 1, J + n % 3 - 1);
        // Where nothing leaks, s stays zero: look first, to save computing it.
        bool leaks = false;
        for (int i = step[2] * I - 2 * (DIMS == 3); !leaks && i <= step[2] * I + 2 * (DIMS == 3); ++i)
            for (int j = step[1] * J - 2; !leaks && j <= step[1] * (J + count_j - 1) + 2; ++j) {
                if (!f.inside(i, j)) continue;
                const M *s = f.part(S) + f.row(i, j), *u = f.part(X) + f.row(i, j);
                int found = 0;
                HP_VECTOR for (int z = 0; z < f.z; ++z) found |= (s[z] != M(0)) | (u[z] != M(0));
                leaks = found != 0;
            }
        for (int c0 = k0, count; c0 < k1; c0 += count) {
            count = k1 - c0 < CHUNK ? k1 - c0 : CHUNK;
            if (seam(0) && c0 == 0) count = 1;                                 // a chunk's cells must share a shift
            if (seam(0) && c0 > 0 && c0 + count == g.z && count > 1) --count;
            int shifts[3][3];
            for (int n = 0; n < 3; ++n)
                shifts[2][n] = shift(2, I, n - 1), shifts[1][n] = shift(1, J, n - 1), shifts[0][n] = shift(0, c0, n - 1);
            M sum[HALF + 1][GROUP][CHUNK] = {};
            for (int code = -HALF; code <= HALF; ++code) {                     // the fine cells i around I
                const Offset o = offset_of(code);
                const int i = step[2] * I + o.x, j = step[1] * J + o.y, z0 = stride * c0 + o.z;
                if (!near(o) || !f.inside(i, 0)) continue;                     // rows beyond a wall have no share
                M own[GROUP][CHUNK], c[OFFSETS][GROUP][CHUNK];                  // c: to the neighbours; s in the middle
                take(g.part(W + o.weight()) + g.row(I, J) + c0, g.pitch, 1, count_j, own);
                for (int n = 0; n < OFFSETS; ++n) {
                    const Offset d = offset_of(n - HALF);
                    if (n == HALF) take(f.part(S) + f.row(i, j) + z0, pitch, stride, count_j, c[n]);
                    else if (f.stored(d)) take(f.to(i, j, d) + z0, pitch, stride, count_j, c[n]);
                }
                for (int n = 1; n <= HALF; ++n) {                               // couplings to the coarse cell J at to_j
                    const Offset to_j = offset_of(n);
                    const int role = to_j.coupling();
                    const Offset p = {o.x - shifts[2][to_j.x + 1], o.y - shifts[1][to_j.y + 1], o.z - shifts[0][to_j.z + 1]};
                    if (p.x * p.x > 4 || p.y * p.y > 4 || p.z * p.z > 4) continue;
                    const M* shares = weights + rows[3 * to_j.x + to_j.y + 4] + c0 + to_j.z;
                    const bool here = near(p);
                    const M* mine = here ? shares + p.weight() * g.size : shares;
                    int both[OFFSETS], one[OFFSETS], n_both = 0, n_one = 0;      // neighbours with a share of J, or without
                    for (int to = -HALF; to <= HALF; ++to) {
                        const Offset d = offset_of(to);
                        if (to != 0 && !f.stored(d)) continue;
                        const bool there = to != 0 && near({p.x + d.x, p.y + d.y, p.z + d.z});
                        if (there) both[n_both++] = to;
                        else if (here) one[n_one++] = to + HALF;
                    }
                    if (n_both + n_one == 0) continue;
                    const M* across[OFFSETS];
                    for (int m = 0; m < n_both; ++m) across[m] = shares + (p.weight() + both[m]) * g.size, both[m] += HALF;
                    for (int l = 0; l < count_j; ++l) {
                        M v[CHUNK] = {}, a[CHUNK];
                        const long long row = (long long)l * g.pitch;
                        HP_VECTOR for (int k = 0; k < CHUNK; ++k) a[k] = here ? mine[row + k] : M(0);
                        for (int m = 0; m < n_one; ++m)
                            HP_VECTOR for (int k = 0; k < CHUNK; ++k) v[k] += c[one[m]][l][k];
                        HP_VECTOR for (int k = 0; k < CHUNK; ++k) v[k] *= a[k];
                        for (int m = 0; m < n_both; ++m)
                            HP_VECTOR for (int k = 0; k < CHUNK; ++k) v[k] += c[both[m]][l][k] * (a[k] - across[m][row + k]);
                        HP_VECTOR for (int k = 0; k < CHUNK; ++k) sum[role][l][k] -= own[l][k] * v[k];
                    }
                }
                if (!leaks) continue;
                M u[GROUP][CHUNK], v[GROUP][CHUNK];
                take(f.part(X) + f.row(i, j) + z0, pitch, stride, count_j, u);
                for (int l = 0; l < count_j; ++l)
                    HP_VECTOR for (int k = 0; k < CHUNK; ++k) c[HALF][l][k] *= M(1) - u[l][k];
                for (int n = 0; n < OFFSETS; ++n) {
                    const Offset d = offset_of(n - HALF);
                    if (n == HALF || !f.stored(d)) continue;
                    take(f.part(X) + f.row(i + d.x, j + d.y) + z0 + d.z, pitch, stride, count_j, v);
                    for (int l = 0; l < count_j; ++l)
                        HP_VECTOR for (int k = 0; k < CHUNK; ++k) c[HALF][l][k] -= c[n][l][k] * (u[l][k] - v[l][k]);
                }
                for (int l = 0; l < count_j; ++l)
                    HP_VECTOR for (int k = 0; k < CHUNK; ++k) sum[HALF][l][k] += own[l][k] * c[HALF][l][k];
            }
            for (int role = 0; role <= HALF; ++role) {
                const bool itself = role < HALF && is_itself(forward_of(role));
                M* to = g.part(role < HALF ? C + role : S) + g.row(I, J) + c0;
                for (int l = 0; l < count_j; ++l)
                    for (int k = 0; k < count; ++k) to[l * g.pitch + k] = itself ? M(0) : sum[role][l][k];
            }
        }
        for (int role = 0; role <= HALF; ++role)
            for (int l = 0; l < count_j; ++l) g.seam(g.part(role < HALF ? C + role : S) + g.row(I, J + l), k0, k1);
    }
#endif
};
