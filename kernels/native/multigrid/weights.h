// Interpolation of black-box multigrid (Dendy, J. Comput. Phys. 48, 1982), and the smoother's factors.
//
// Fine cells are even (coarse) or odd along each coarsened axis. A cell that is odd along the axes of a set O takes its
// value from A x = 0 in its own row, with the couplings of all other axes collapsed onto its own plane: first cells odd
// along one axis from the two coarse cells beside them, then cells odd along two axes from the four coarse and four
// such cells around them, then cells odd along three. So `phase` is the number of axes in O, from 0 on: each phase
// reads what the last wrote.
//
// W[o] of coarse cell I is the share of I in the fine cell at offset o from it; restriction reads the same number. X
// gets what a fine cell's shares lack of 1: the part of its row that goes to open sides, or 1 if nothing couples it to
// a coarse cell. Elsewhere X is exactly zero. A cell whose row is empty, a solid one for instance, has no share in
// anything.
auto smoother_factors = [&](const Level& f) {
    const Groups groups = {f.y, f.wraps(1)};
    EACH_LINE(f.x, groups.count(), f.z) {
        const int j = groups.first(y), rows = groups.rows(y);
        const long long row = f.row(x, j);
        for (int c0 = k0; c0 < k1; c0 += CHUNK) {
            const int count = chunk(k1 - c0);
            M sum[GROUP][CHUNK], size[GROUP][CHUNK] = {}, c[GROUP][CHUNK];
            take(f.part(S) + row + c0, f.pitch, 1, rows, sum);
            HP_OUTER for (int code = -HALF; code <= HALF; ++code) {
                if (code == 0) continue;
                take(f.to(x, j, offset_of(code)) + c0, f.pitch, 1, rows, c);
                for (int l = 0; l < rows; ++l)
                    HP_VECTOR for (int k = 0; k < CHUNK; ++k) sum[l][k] += c[l][k], size[l][k] += c[l][k] < M(0) ? -c[l][k] : c[l][k];
            }
            // So no eigenvalue of D A exceeds 2 * FIRST, whatever the signs of the couplings.
            M* to = f.part(D) + row + c0;
            for (int l = 0; l < rows; ++l)
                for (int k = 0; k < count; ++k) {
                    const M most = M(0.5) * (sum[l][k] + size[l][k]), scale = sum[l][k] > most ? sum[l][k] : most;
                    to[l * f.pitch + k] = scale > M(0) ? M(FIRST) / scale : M(0);
                }
        }
        for (int l = 0; l < rows; ++l) f.seam(f.part(D) + f.row(x, j + l), k0, k1);
    }
};
auto weigh = [&](const Level& f, const Level& g, int phase) {
    HP_CONTRACT
    if (phase == 0 && !f.finest) smoother_factors(f);
    HP_OUTER for (int odd = 0; odd < 1 << DIMS; ++odd) {                       // bit a: odd along axis a
        const int axes = (odd & 1) + (odd >> 1 & 1) + (odd >> 2 & 1);
        if (axes != phase) continue;
        int blocks[3], step[3];
        bool exists = true;
#pragma unroll
        for (int a = 0; a < 3; ++a) {
            step[a] = f.stride(a);
            const int n = f.length(a), is_odd = odd >> a & 1;
            exists = exists && (!is_odd || step[a] == 2);
            blocks[a] = step[a] == 1 ? n : (n + 1 - is_odd) / 2;
        }
        if (!exists) continue;
        const Offset own = {odd >> 2 & 1, odd >> 1 & 1, odd & 1};
        const int stride = step[0];
        const Groups groups = {blocks[1], f.wraps(1)};
        const long long pitch = (long long)step[1] * f.pitch;
        EACH_LINE(blocks[2], groups.count(), blocks[0]) {
            const int J = groups.first(y), rows = groups.rows(y);
            const int i = step[2] * x + own.x, j = step[1] * J + own.y;
            for (int c0 = k0; c0 < k1; c0 += CHUNK) {
                const int count = chunk(k1 - c0), z0 = stride * c0 + own.z;
                M sum[GROUP][CHUNK], rest[GROUP][CHUNK], share[1 << DIMS][GROUP][CHUNK] = {};
                take(f.part(S) + f.row(i, j) + z0, pitch, stride, rows, sum);
                take(f.part(S) + f.row(i, j) + z0, pitch, stride, rows, rest);
                HP_OUTER for (int code = -HALF; code <= HALF; ++code) {
                    const Offset d = offset_of(code);
                    if (axes == 0 && code != 0 && f.stored(d)) {                 // a coarse cell: whether its row is empty
                        M part[GROUP][CHUNK];
                        take(f.to(i, j, d) + z0, pitch, stride, rows, part);
                        for (int l = 0; l < rows; ++l)
                            HP_VECTOR for (int k = 0; k < CHUNK; ++k) sum[l][k] += part[l][k] < M(0) ? -part[l][k] : part[l][k];
                    }
                    if ((d.z && !own.z) || (d.y && !own.y) || (d.x && !own.x) || code == 0) continue;
                    M c[GROUP][CHUNK] = {}, part[GROUP][CHUNK];                 // c: collapsed onto the plane of O
                    bool any = false;
                    HP_OUTER for (int beside = -HALF; beside <= HALF; ++beside) {
                        const Offset t = offset_of(beside), e = {d.x + t.x, d.y + t.y, d.z + t.z};
                        if ((t.z && own.z) || (t.y && own.y) || (t.x && own.x) || !f.stored(e)) continue;
                        any = true;
                        take(f.to(i, j, e) + z0, pitch, stride, rows, part);
                        for (int l = 0; l < rows; ++l)
                            HP_VECTOR for (int k = 0; k < CHUNK; ++k) c[l][k] += part[l][k];
                    }
                    if (!any) continue;
                    for (int l = 0; l < rows; ++l) {
                        if (axes == 1)
                            HP_VECTOR for (int k = 0; k < CHUNK; ++k) c[l][k] = c[l][k] > M(0) ? c[l][k] : M(0);
                        HP_VECTOR for (int k = 0; k < CHUNK; ++k) sum[l][k] += c[l][k];
                    }
                    take(f.part(X) + f.row(i + d.x, j + d.y) + z0 + d.z, pitch, stride, rows, part);
                    for (int l = 0; l < rows; ++l)
                        HP_VECTOR for (int k = 0; k < CHUNK; ++k) rest[l][k] += c[l][k] * part[l][k];
                    HP_INDEX for (int q = 0; q < 1 << DIMS; ++q) {              // the coarse cells around, bit a: above
                        if (q & ~odd) continue;
                        const Offset up = {q >> 2 & 1, q >> 1 & 1, q & 1};
                        // The neighbour's place, seen from that coarse cell.
                        const Offset o = {own.x + d.x - 2 * up.x, own.y + d.y - 2 * up.y, own.z + d.z - 2 * up.z};
                        if (o.x < -1 || o.x > 1 || o.y < -1 || o.y > 1 || o.z < -1 || o.z > 1) continue;
                        const M* w = g.part(W + o.weight()) + g.row(x + up.x, J + up.y) + c0 + up.z;
                        for (int l = 0; l < rows; ++l)
                            HP_VECTOR for (int k = 0; k < CHUNK; ++k) share[q][l][k] += c[l][k] * w[l * g.pitch + k];
                    }
                }
                for (int l = 0; l < rows; ++l) {
                    HP_VECTOR for (int k = 0; k < CHUNK; ++k) {
                        const bool bound = sum[l][k] > M(0);
                        const M scale = M(1) / (bound ? sum[l][k] : M(1));
                        rest[l][k] = !bound ? M(1) : axes == 0 ? M(0) : rest[l][k] * scale;
                        sum[l][k] = !bound ? M(0) : axes == 0 ? M(1) : scale;
                    }
                    put_every(rest[l], f.part(X) + f.row(i, j) + l * pitch + z0, stride, count);
                }
                HP_INDEX for (int q = 0; q < 1 << DIMS; ++q) {
                    if (q & ~odd) continue;
                    const Offset up = {q >> 2 & 1, q >> 1 & 1, q & 1};
                    const Offset o = {own.x - 2 * up.x, own.y - 2 * up.y, own.z - 2 * up.z};
                    M* w = g.part(W + o.weight()) + g.row(x + up.x, J + up.y) + c0;
                    const int last = g.wraps(0) && c0 + count - 1 + up.z == g.z;  // its right neighbour is the first cell
                    for (int l = 0; l < rows; ++l) {
                        auto value = [&](int k) -> M { return axes == 0 ? sum[l][k] : share[q][l][k] * sum[l][k]; };
                        HP_VECTOR for (int k = 0; k < count - last; ++k) w[l * g.pitch + k + up.z] = value(k);
                        if (last) w[l * g.pitch - c0] = value(count - 1);
                    }
                }
            }
            for (int l = 0; l < rows; ++l) {
                f.seam(f.part(X) + f.row(i, j) + l * pitch, stride * k0 + own.z, stride * (k1 - 1) + own.z + 1);
                HP_INDEX for (int q = 0; q < 1 << DIMS; ++q) {
                    if (q & ~odd) continue;
                    const Offset up = {q >> 2 & 1, q >> 1 & 1, q & 1};
                    const Offset o = {own.x - 2 * up.x, own.y - 2 * up.y, own.z - 2 * up.z};
                    const int z0 = k0 + up.z == g.z ? 0 : k0 + up.z;
                    M* w = g.part(W + o.weight()) + g.row(x + up.x, J + up.y) + l * g.pitch;
                    g.seam(w, LANES == 1 ? 0 : z0, LANES == 1 ? g.z : z0 + 1);
                }
            }
        }
    }
};
