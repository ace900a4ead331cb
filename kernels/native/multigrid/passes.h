// The two passes of a V-cycle over a level: down, residual and restriction; up, prolongation, correction and last
// sweep. The first sweep is a scaling, Y = D B, and is written with B. Each pass goes by tiles of at most [TX, TY, TZ]
// coarse cells; `tile` holds the fine cells of one and those around them.
#if defined(__CUDA_ARCH__)
constexpr int TX = DIMS == 3 ? 4 : 1, TY = DIMS == 3 ? 4 : 8, TZ = DIMS == 3 ? 16 : 32;
#else
constexpr int TX = DIMS == 3 ? 4 : 1, TY = DIMS == 3 ? 4 : 16, TZ = DIMS == 3 ? 32 : 64;
#endif
constexpr int AROUND = 2, TILE_Z = 2 * TZ + 2 * AROUND, TILE_Y = 2 * TY + AROUND, TILE_X = DIMS == 3 ? 2 * TX + AROUND : 1;
constexpr int ODD_CELLS = TZ + AROUND, LINE = TILE_Z;        // where even cells begin in a split row; a tile row
HP_SHARED M tile[TILE_X * TILE_Y * TILE_Z];
auto tile_row = [&](int i, int j) -> M* { return tile + (i * TILE_Y + j) * TILE_Z + AROUND; };

// For cells z0 to z1 - 1 of row (i, j), from the rows of v around it, v[3 * (x + 1) + y + 1][z]:
// put(z, v_z, sum of c v across, sum of c and s) on the finest level, whose D is DAMPING over the latter;
// put(z, v_z, -(A v)_z) on the others, in differences.
using Around = const M* const (&)[9];
auto finest_row = [&](const Level& f, int i, int j, Around v, int z0, int z1, auto put) {
    auto run = [&](auto* open) {
        const M *s = f.part(S) + f.row(i, j), *here = v[4], *ahead[DIMS], *behind[DIMS];
#pragma unroll
        for (int h = 0; h < DIMS; ++h) {
            ahead[h] = f.to(i, j, forward_of(h));
            behind[h] = f.to(i, j, forward_of(h).back());
        }
        HP_VECTOR for (int z = z0; z < z1; ++z) {
            M sum = 0, all = sizeof(*open) > 1 ? s[z] : M(0);
#pragma unroll
            for (int h = 0; h < DIMS; ++h) {
                const Offset d = forward_of(h);
                sum += ahead[h][z] * v[3 * (d.x + 1) + d.y + 1][z + d.z] + behind[h][z] * v[3 * (1 - d.x) + 1 - d.y][z - d.z];
                all += ahead[h][z] + behind[h][z];
            }
            put(z, here[z], sum, all);
        }
    };
    if (f.open()) run((char(*)[2])nullptr);                                    // known when this is compiled
    else run((char(*)[1])nullptr);
};
auto coarse_row = [&](const Level& f, int i, int j, Around v, int z0, int z1, auto put) {
    const M *s = f.part(S) + f.row(i, j), *here = v[4], *ahead[HALF], *behind[HALF];
#pragma unroll
    for (int h = 0; h < HALF; ++h) {
        ahead[h] = f.to(i, j, forward_of(h));
        behind[h] = f.to(i, j, forward_of(h).back());
    }
    HP_VECTOR for (int z = z0; z < z1; ++z) {
        M sum = -s[z] * here[z];
#pragma unroll
        for (int h = 0; h < HALF; ++h) {
            const Offset d = forward_of(h);
            sum += ahead[h][z] * (v[3 * (d.x + 1) + d.y + 1][z + d.z] - here[z]);
            sum += behind[h][z] * (v[3 * (1 - d.x) + 1 - d.y][z - d.z] - here[z]);
        }
        put(z, here[z], sum);
    }
};
struct Tile {                                                                  // first coarse cell, cells, along x, y, z
    int first[3], count[3];
};
auto tiles_of = [&](const Level& g) -> int { return ((g.x + TX - 1) / TX) * ((g.y + TY - 1) / TY) * ((g.z + TZ - 1) / TZ); };
auto tile_at = [&](const Level& g, int t) -> Tile {
    const int nz = (g.z + TZ - 1) / TZ, ny = (g.y + TY - 1) / TY;
    const int I = t / nz / ny * TX, J = t / nz % ny * TY, K = t % nz * TZ;
    return {{I, J, K}, {g.x - I < TX ? g.x - I : TX, g.y - J < TY ? g.y - J : TY, g.z - K < TZ ? g.z - K : TZ}};
};

// B and Y of the coarser level g.
auto pass_down = [&](const Level& f, const Level& g) {
    const int sx = f.stride(2), sy = f.stride(1), sz = f.stride(0);
    HP_SLOT(t, tiles_of(g)) {
        const Tile now = tile_at(g, t);
        const int i0 = sx * now.first[0] - (sx - 1), j0 = sy * now.first[1] - (sy - 1), l0 = sz * now.first[2] - (sz - 1);
        BLOCK_LINE(sx * now.count[0] + sx - 1, sy * now.count[1] + sy - 1, sz * now.count[2] + sz - 1) {
            const int i = i0 + x, j = j0 + y;
            M* to = tile_row(x, y);                                            // odd cells, then even ones
#if defined(HP_BY_LANE)
            auto store = [=](int z, M value) { to[sz == 1 ? z - l0 : (z - l0) % 2 * ODD_CELLS + (z - l0) / 2] = value; };
#else
            M line[LINE] = {}, *from = line - l0;
            auto store = [=](int z, M value) { from[z] = value; };
#endif
            if (!f.inside(i, j)) {
                for (int k = k0; k < k1; ++k) store(l0 + k, M(0));
            } else {
                const M* v[9];
#pragma unroll
                for (int a = 0; a < 9; ++a) v[a] = f.part(Y) + f.row(i + a / 3 - 1, j + a % 3 - 1);
                if (f.finest) {                                                // b = all / DAMPING y
                    constexpr M REST = M((1.0 - DAMPING) / DAMPING);
                    finest_row(f, i, j, v, l0 + k0, l0 + k1, [=](int z, M y, M sum, M all) { store(z, sum + REST * all * y); });
                } else {
                    const M* b = f.part(B) + f.row(i, j);
                    coarse_row(f, i, j, v, l0 + k0, l0 + k1, [=](int z, M, M product) { store(z, b[z] + product); });
                }
            }
#if !defined(HP_BY_LANE)
            if (sz == 1) {
                for (int k = k0; k < k1; ++k) to[k] = line[k];
            } else {
                HP_VECTOR for (int k = 0; k < TZ + 1; ++k) to[k] = line[2 * k], to[ODD_CELLS + k] = line[2 * k + 1];
            }
#endif
        }
        HP_SYNC;                                                               // residuals of the tile: written, read next
        BLOCK_LINE(now.count[0], now.count[1], now.count[2]) {
            const int I = now.first[0] + x, J = now.first[1] + y, K = now.first[2];
            const long long row = g.row(I, J) + K;
            M *b = g.part(B) + row, *first = g.part(Y) + row;
            const M* d = g.part(D) + row;
            const M* center = tile_row(sx * x + sx - 1, sy * y + sy - 1) + (sz == 2 ? ODD_CELLS : 0);
            const M* own = g.part(W + HALF) + row;                             // 1, or 0 where the fine row is empty
            if (f.finest) {                                                    // an empty row's residual is zero there
                for (int k = k0; k < k1; ++k) b[k] = center[k];
            } else {
                for (int k = k0; k < k1; ++k) b[k] = own[k] * center[k];
            }
            for (int ox = 1 - sx; ox < sx; ++ox)
                for (int oy = 1 - sy; oy < sy; ++oy) {
                    const M *from = tile_row(sx * x + ox + sx - 1, sy * y + oy + sy - 1), *even = from + ODD_CELLS;
                    const M* w = g.part(W + Offset{ox, oy, 0}.weight()) + row;
                    const M *before = w - g.size, *after = w + g.size;
                    const bool itself = ox == 0 && oy == 0;
                    if (itself && sz == 2) {
                        HP_VECTOR for (int k = k0; k < k1; ++k) b[k] += before[k] * from[k] + after[k] * from[k + 1];
                    } else if (itself) {
                        continue;
                    } else if (sz == 2) {
                        HP_VECTOR for (int k = k0; k < k1; ++k)
                            b[k] += before[k] * from[k] + w[k] * even[k] + after[k] * from[k + 1];
                    } else {
                        HP_VECTOR for (int k = k0; k < k1; ++k) b[k] += w[k] * from[k];
                    }
                }
            HP_VECTOR for (int k = k0; k < k1; ++k) first[k] = d[k] * b[k];
            g.seam(b - K, K + k0, K + k1);
            g.seam(first - K, K + k0, K + k1);
        }
        HP_SYNC;                                                               // the tile was read, the next one is written
    }
};

// X of level f, from X of the coarser level g.
auto pass_up = [&](const Level& f, const Level& g) {
    const int sx = f.stride(2), sy = f.stride(1), sz = f.stride(0);
    const int around_x = DIMS == 3 ? 1 : 0;
    // Y plus the coarse correction, at cells z0 to z1 - 1 of row (i, j), which are cells of the level.
    auto correct = [&](int i, int j, int z0, int z1, M* to) {
        const M* first = f.part(Y) + f.row(i, j);
        const bool odd_x = sx == 2 && i % 2, odd_y = sy == 2 && j % 2;
        const int c0 = z0 / sz, count = (z1 + sz - 1) / sz - c0;                // coarse cells
#if defined(HP_BY_LANE)
        for (int z = z0; z < z1; ++z) to[z] = first[z];
#else
        M even[LINE] = {}, odd[LINE / 2 + 1] = {};
#endif
        for (int up_x = 0; up_x <= odd_x; ++up_x)
            for (int up_y = 0; up_y <= odd_y; ++up_y) {
                const Offset o = {odd_x - 2 * up_x, odd_y - 2 * up_y, 0};
                const long long row = g.row(i / sx + up_x, j / sy + up_y) + c0;
                const M *w = g.part(W + o.weight()) + row, *e = g.part(X) + row, *before = w - g.size, *after = w + g.size;
#if defined(HP_BY_LANE)
                for (int z = z0; z < z1; ++z) {
                    const int k = z / sz - c0;
                    if (z % sz) to[z] += after[k] * e[k] + before[k + 1] * e[k + 1];
                    else to[z] += (odd_x || odd_y || !f.finest ? w[k] : M(1)) * e[k];
                }
#else
                if (odd_x || odd_y || !f.finest) {
                    HP_VECTOR for (int k = 0; k < count; ++k) even[k] += w[k] * e[k];
                } else {
                    for (int k = 0; k < count; ++k) even[k] = e[k];
                }
                if (sz == 1) continue;
                HP_VECTOR for (int k = 0; k < count; ++k) odd[k] += after[k] * e[k] + before[k + 1] * e[k + 1];
#endif
            }
#if defined(HP_BY_LANE)
        (void)count;
#else
        if (sz == 1) {
            for (int z = z0; z < z1; ++z) to[z] = first[z] + even[z - z0];
            return;
        }
        int z = z0, k = 0;
        if (z % 2) to[z] = first[z] + odd[k++], ++z;
        const int pairs = (z1 - z) / 2;
        HP_VECTOR for (int p = 0; p < pairs; ++p) {
            to[z + 2 * p] = first[z + 2 * p] + even[k + p];
            to[z + 2 * p + 1] = first[z + 2 * p + 1] + odd[k + p];
        }
        z += 2 * pairs;
        if (z < z1) to[z] = first[z] + even[k + pairs];
#endif
    };
    HP_SLOT(t, tiles_of(g)) {
        const Tile now = tile_at(g, t);
        const int i0 = sx * now.first[0], j0 = sy * now.first[1], l0 = sz * now.first[2];
        auto fine = [](int n, int first, int count) -> int { return n - first < count ? n - first : count; };
        const int nx = fine(f.x, i0, sx * now.count[0]), ny = fine(f.y, j0, sy * now.count[1]);
        const int nz = fine(f.z, l0, sz * now.count[2]);
        BLOCK_LINE(nx + 2 * around_x, ny + 2, nz + 2) {
            const int i = i0 + x - around_x, j = j0 + y - 1, z0 = l0 - 1 + k0, z1 = l0 - 1 + k1;
            M* to = tile_row(x, y) - (l0 - 1);
            if (!f.inside(i, j)) {
                for (int z = z0; z < z1; ++z) to[z] = M(0);
                continue;
            }
            const int row_x = DIMS == 3 ? f.wrap(i, f.x, 2) : 0, row_y = f.wrap(j, f.y, 1);
            const int inner0 = z0 < 0 ? 0 : z0, inner1 = z1 > f.z ? f.z : z1;
            if (inner0 < inner1) correct(row_x, row_y, inner0, inner1, to);
            for (int end = 0; end < 2; ++end) {                                // beyond the ends of the row
                const int z = end ? f.z : -1, across = end ? 0 : f.z - 1;
                if (z < z0 || z >= z1) continue;
                to[z] = M(0);
                if (f.wraps(0)) correct(row_x, row_y, across, across + 1, to + (z - across));
            }
        }
        HP_SYNC;                                                               // corrected values: written, read next
        BLOCK_LINE(nx, ny, nz) {
            const int i = i0 + x, j = j0 + y;
            const M* v[9];
#pragma unroll
            for (int a = 0; a < 9; ++a) {
                const int up_x = DIMS == 3 ? a / 3 - 1 : 0;
                v[a] = tile_row(x + around_x + up_x, y + 1 + a % 3 - 1) - (l0 - 1);
            }
            const long long row = f.row(i, j);
            const M *first = f.part(Y) + row, *d = f.part(D) + row;
            M* to = f.part(X) + row;
            if (f.finest) {
                finest_row(f, i, j, v, l0 + k0, l0 + k1, [=](int z, M x, M sum, M all) {
                    to[z] = all > M(0) ? M(1.0 - DAMPING) * x + first[z] + M(DAMPING) * sum / all : M(2) * first[z];
                });
            } else {
                coarse_row(f, i, j, v, l0 + k0, l0 + k1, [=](int z, M x, M product) {
                    to[z] = x + first[z] + d[z] * product;
                });
            }
            f.seam(to, l0 + k0, l0 + k1);
        }
        HP_SYNC;                                                               // the tile was read, the next one is written
    }
};
(void)tiles_of; (void)tile_at; (void)finest_row; (void)coarse_row; (void)pass_down; (void)pass_up;
