// The two passes of a V-cycle over a level: down, two sweeps, residual and restriction; up, the same two sweeps again,
// prolongation, correction and two more. The first sweep of all is a scaling, Y = D B, and is written with B. Each pass goes
// by tiles of coarse cells and the fine cells around them that its sweeps read. So sweeps cost operations, but no memory
// traffic, and what the way down has swept is swept again rather than kept.
//
// A tile has at most [TX, TY, TZ] coarse cells. In 2D on a CPU its rows are as long as the level's, up to TZ, since every row
// has a cost of its own, and it has at most as many of them as fit into 84 KB (AREA cells), which stay in the cache. There
// the number of tiles is a multiple of TILES, for threads that share them.
#if defined(__CUDA_ARCH__)
constexpr int PLANES = sizeof(M) == 8 ? 2 : 4;                                  // 48 KB of shared memory are enough
constexpr int TX = DIMS == 3 ? PLANES : 1, TY = DIMS == 3 ? PLANES : 8, TZ = DIMS == 3 ? 16 : 32, AREA = 0;
#else
constexpr int TX = DIMS == 3 ? 4 : 1, TY = DIMS == 3 ? 4 : 1, TZ = DIMS == 3 ? 32 : 512, AREA = DIMS == 3 ? 0 : 84 * 1024 / sizeof(M);
#endif
// `outer`: the fine cells of a tile and two around them. `inner`: one around them, or residuals. Rows are whole vectors on a
// CPU: what lies behind a row's last cell is computed and written too, and read by nobody.
constexpr int VECTOR = LANES > 1 ? 1 : 16, MARGIN = 1 + VECTOR + VECTOR / 2;
constexpr int LINE = (TZ + MARGIN) / VECTOR * VECTOR * 2;
constexpr int OUTER_Y = 2 * TY + 4, INNER_Y = 2 * TY + 2, AX = DIMS == 3 ? 1 : 0;
constexpr int OUTER_X = DIMS == 3 ? 2 * TX + 4 : 1, INNER_X = DIMS == 3 ? 2 * TX + 2 : 1;
HP_SHARED M outer[AREA ? AREA : OUTER_X * OUTER_Y * LINE], inner[AREA ? AREA : INNER_X * INNER_Y * LINE];
auto whole = [](int cells) -> int { return (cells + VECTOR - 1) / VECTOR * VECTOR; };

struct Tile {                                                                  // first coarse cell, cells, along x, y, z
    int first[3], count[3];
    HP_INLINE int line() const { return AREA ? (count[2] + MARGIN) / VECTOR * VECTOR * 2 : LINE; }
};
auto tile_rows = [](const Level& g) -> int {
    if (!AREA) return TY;
    const Tile widest = {{0, 0, 0}, {TX, TY, g.z < TZ ? g.z : TZ}};
    const int most = (AREA / widest.line() - 4) / 2, whole_turns = (g.y + most * TILES - 1) / (most * TILES);
    return (g.y + whole_turns * TILES - 1) / (whole_turns * TILES);
};
auto tiles_of = [=](const Level& g) -> int {
    const int rows = tile_rows(g);
    return ((g.x + TX - 1) / TX) * ((g.y + rows - 1) / rows) * ((g.z + TZ - 1) / TZ);
};
auto tile_at = [=](const Level& g, int t) -> Tile {
    const int rows = tile_rows(g), nz = (g.z + TZ - 1) / TZ, ny = (g.y + rows - 1) / rows;
    const int I = t / nz / ny * TX, J = t / nz % ny * rows, K = t % nz * TZ;
    return {{I, J, K}, {g.x - I < TX ? g.x - I : TX, g.y - J < rows ? g.y - J : rows, g.z - K < TZ ? g.z - K : TZ}};
};
auto outer_row = [&](const Tile& now, int x, int y) -> M* { return outer + (x * OUTER_Y + y) * now.line(); };
auto inner_row = [&](const Tile& now, int x, int y) -> M* { return inner + (x * INNER_Y + y) * now.line(); };
// The rows around place (x, y) of the tile's next inner part, from cell `first` of the level on.
auto around = [&](auto row, const Tile& now, int x, int y, int first, const M* (&v)[9]) {
#pragma unroll
    for (int a = 0; a < 9; ++a) v[a] = row(now, x + AX * (a / 3), y + a % 3) - first;
};
// Cells z0 to z1 - 1 of a row: on a CPU those between the walls, so that what is computed begins with an aligned vector, and
// zero in the others, which are put into `row`. On CUDA, and if the row is periodic, all of them.
struct Span {
    int z0, z1;
};
auto between_walls = [&](const Level& f, int z0, int z1) -> Span {
#if defined(HP_BY_LANE)
    return {z0, z1};
#else
    if (f.wraps(0)) return {z0, z1};
    return {z0 < 0 ? 0 : z0, z1 > f.z ? f.z : z1};
#endif
};
auto beyond_walls = [](const Span& inside, int z0, int z1, M* row) {
    for (int z = z0; z < inside.z0; ++z) row[z] = M(0);
    for (int z = inside.z1; z < z1; ++z) row[z] = M(0);
};
// Row (i, j) of the level after two sweeps, or zero if there is no such row.
auto swept_twice = [&](const Level& f, int i, int j, int z0, int z1, M* to) {
    if (!f.inside(i, j)) {
        for (int z = z0; z < z1; ++z) to[z] = M(0);
        return;
    }
    const M* v[9];
#pragma unroll
    for (int a = 0; a < 9; ++a) v[a] = f.part(Y) + f.row(i + a / 3 - 1, j + a % 3 - 1);
    sweep_row(f, i, j, v, z0, z1, M(RATIO), to);
};

// B and Y of the coarser level g.
auto pass_down = [&](const Level& f, const Level& g) {
    HP_CONTRACT
    const int sx = f.stride(2), sy = f.stride(1), sz = f.stride(0);
    HP_SLOT(t, tiles_of(g)) {
        const Tile now = tile_at(g, t);
        const int i0 = sx * now.first[0] - (sx - 1), j0 = sy * now.first[1] - (sy - 1), l0 = sz * now.first[2] - (sz - 1);
        const int odd_cells = now.line() / 2;                                  // where even cells begin in a split row
        const int nx = sx * now.count[0] + sx - 1, ny = sy * now.count[1] + sy - 1, nz = sz * now.count[2] + sz - 1;
        const Span swept = between_walls(f, l0 - 1, l0 + nz + 1), left = between_walls(f, l0, l0 + nz);
        BLOCK_LINE(nx + 2 * AX, ny + 2, whole(swept.z1 - swept.z0)) {
            M* to = outer_row(now, x, y) - (l0 - 1);
            swept_twice(f, i0 + x - AX, j0 + y - 1, swept.z0 + k0, swept.z0 + k1, to);
            beyond_walls(swept, l0 - 1, l0 + nz + 1, to);
        }
        HP_SYNC;                                                               // swept cells: written, read next
        BLOCK_LINE(nx, ny, whole(left.z1 - left.z0)) {
            const int i = i0 + x, j = j0 + y, z0 = left.z0 + k0, z1 = left.z0 + k1;
            M* to = inner_row(now, x, y);                                           // odd cells, then even ones
#if defined(HP_BY_LANE)
            auto store = [=](int z, M value) { to[sz == 1 ? z - l0 : (z - l0) % 2 * odd_cells + (z - l0) / 2] = value; };
#else
            M line[LINE], *from = line - l0;
            auto store = [=](int z, M value) { from[z] = value; };
#endif
            if (!f.inside(i, j)) {
                for (int z = z0; z < z1; ++z) store(z, M(0));
            } else {
                const M* v[9];
                around(outer_row, now, x, y, l0 - 1, v);
                residual_row(f, i, j, v, z0, z1, store);
            }
#if !defined(HP_BY_LANE)
            beyond_walls(left, l0, l0 + nz, from);
            const int count = whole(nz);
            if (sz == 1) {
                for (int k = 0; k < count; ++k) to[k] = line[k];
            } else {
                HP_VECTOR for (int k = 0; k < count / 2; ++k) to[k] = line[2 * k], to[odd_cells + k] = line[2 * k + 1];
            }
#endif
        }
        HP_SYNC;                                                               // residuals: written, read next
        BLOCK_LINE(now.count[0], now.count[1], now.count[2]) {
            const int I = now.first[0] + x, J = now.first[1] + y, K = now.first[2];
            const long long row = g.row(I, J) + K;
            M *b = g.part(B) + row, *first = g.part(Y) + row;
            const M* d = g.part(D) + row;
            const M* center = inner_row(now, sx * x + sx - 1, sy * y + sy - 1) + (sz == 2 ? odd_cells : 0);
            const M* own = g.part(W + HALF) + row;                             // 1, or 0 where the fine row is empty
            if (f.finest) {                                                    // an empty row's residual is zero there
                for (int k = k0; k < k1; ++k) b[k] = center[k];
            } else {
                for (int k = k0; k < k1; ++k) b[k] = own[k] * center[k];
            }
            for (int ox = 1 - sx; ox < sx; ++ox)
                for (int oy = 1 - sy; oy < sy; ++oy) {
                    const M *from = inner_row(now, sx * x + ox + sx - 1, sy * y + oy + sy - 1), *even = from + odd_cells;
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
    HP_CONTRACT
    const int sx = f.stride(2), sy = f.stride(1), sz = f.stride(0);
    // Adds the coarse correction at cells z0 to z1 - 1 of row (i, j), which are cells of the level.
    auto correct = [&](int i, int j, int z0, int z1, M* to) {
        const bool odd_x = sx == 2 && i % 2, odd_y = sy == 2 && j % 2;
        const int c0 = z0 / sz, count = (z1 + sz - 1) / sz - c0;                // coarse cells
#if !defined(HP_BY_LANE)
        M even[LINE], odd[LINE / 2 + 1];
        HP_VECTOR for (int k = 0; k < count; ++k) even[k] = odd[k] = M(0);
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
            for (int z = z0; z < z1; ++z) to[z] += even[z - z0];
            return;
        }
        int z = z0, k = 0;
        if (z % 2) to[z] += odd[k++], ++z;
        const int pairs = (z1 - z) / 2;
        HP_VECTOR for (int p = 0; p < pairs; ++p) {
            to[z + 2 * p] += even[k + p];
            to[z + 2 * p + 1] += odd[k + p];
        }
        z += 2 * pairs;
        if (z < z1) to[z] += even[k + pairs];
#endif
    };
    HP_SLOT(t, tiles_of(g)) {
        const Tile now = tile_at(g, t);
        const int i0 = sx * now.first[0], j0 = sy * now.first[1], l0 = sz * now.first[2];
        auto fine = [](int n, int first, int count) -> int { return n - first < count ? n - first : count; };
        const int nx = fine(f.x, i0, sx * now.count[0]), ny = fine(f.y, j0, sy * now.count[1]);
        const int nz = fine(f.z, l0, sz * now.count[2]);
        const Span corrected = between_walls(f, l0 - 2, l0 + nz + 2), swept = between_walls(f, l0 - 1, l0 + nz + 1);
        BLOCK_LINE(nx + 4 * AX, ny + 4, whole(corrected.z1 - corrected.z0)) {
            const int i = i0 + x - 2 * AX, j = j0 + y - 2, z0 = corrected.z0 + k0, z1 = corrected.z0 + k1;
            M* to = outer_row(now, x, y) - (l0 - 2);
            swept_twice(f, i, j, z0, z1, to);
            beyond_walls(corrected, l0 - 2, l0 + nz + 2, to);
            if (!f.inside(i, j)) continue;
            const int row_x = DIMS == 3 ? f.wrap(i, f.x, 2) : 0, row_y = f.wrap(j, f.y, 1);
            const int inside0 = z0 < 0 ? 0 : z0, inside1 = z1 > f.z ? f.z : z1;
            if (inside0 < inside1) correct(row_x, row_y, inside0, inside1, to);
            if (!f.wraps(0)) continue;
            for (int z = z0; z < z1 && z < l0 + nz + 2; ++z) {                 // across the seam
                if (z >= 0 && z < f.z) continue;
                const int across = f.wrap(z, f.z, 0);
                correct(row_x, row_y, across, across + 1, to + (z - across));
            }
        }
        HP_SYNC;                                                               // corrected cells: written, read next
        BLOCK_LINE(nx + 2 * AX, ny + 2, whole(swept.z1 - swept.z0)) {
            const int i = i0 + x - AX, j = j0 + y - 1, z0 = swept.z0 + k0, z1 = swept.z0 + k1;
            M* to = inner_row(now, x, y) - (l0 - 1);
            const M* v[9];
            around(outer_row, now, x, y, l0 - 2, v);
            if (f.inside(i, j)) sweep_row(f, i, j, v, z0, z1, M(RATIO), to);
            else for (int z = z0; z < z1; ++z) to[z] = M(0);
            beyond_walls(swept, l0 - 1, l0 + nz + 1, to);
        }
        HP_SYNC;                                                               // swept cells: written, read next
        BLOCK_LINE(nx, ny, nz) {
            const int i = i0 + x, j = j0 + y;
            M* to = f.part(X) + f.row(i, j);
            const M* v[9];
            around(inner_row, now, x, y, l0 - 1, v);
            sweep_row(f, i, j, v, l0 + k0, l0 + k1, M(1), to);
            f.seam(to, l0 + k0, l0 + k1);
        }
        HP_SYNC;                                                               // X: written, the next level's pass reads it
    }
};
(void)tiles_of; (void)tile_at; (void)pass_down; (void)pass_up;
