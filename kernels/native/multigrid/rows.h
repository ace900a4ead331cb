// Products and sweeps along a row of a level. Around: v[3 * (x + 1) + y + 1][z] are the rows beside row (i, j) and itself.
using Around = const M* const (&)[9];
// On the finest level, cells z0 to z1 - 1: put(z, v_z, sum of c v across, sum of c).
auto finest_row = [&](const Level& f, int i, int j, Around v, int z0, int z1, auto put) {
    HP_CONTRACT
    const M *here = v[4], *ahead[DIMS], *behind[DIMS];
#pragma unroll
    for (int h = 0; h < DIMS; ++h) {
        ahead[h] = f.to(i, j, forward_of(h));
        behind[h] = f.to(i, j, forward_of(h).back());
    }
    HP_VECTOR for (int z = z0; z < z1; ++z) {
        M sum = 0, all = 0;
#pragma unroll
        for (int h = 0; h < DIMS; ++h) {
            const Offset d = forward_of(h);
            sum += ahead[h][z] * v[3 * (d.x + 1) + d.y + 1][z + d.z];
            sum += behind[h][z] * v[3 * (1 - d.x) + 1 - d.y][z - d.z];
            all += ahead[h][z] + behind[h][z];
        }
        put(z, here[z], sum, all);
    }
};
// On the other levels: put(z, v_z, -(A v)_z), in differences.
auto coarse_row = [&](const Level& f, int i, int j, Around v, int z0, int z1, auto put) {
    HP_CONTRACT
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
// A sweep with `ratio` times D: to = v + ratio D (B - A v), where D B is at hand as Y. `to` may lie in tiles, not in v.
auto sweep_row = [&](const Level& f, int i, int j, Around v, int z0, int z1, M ratio, M* to) {
    HP_CONTRACT
    const M *first = f.part(Y) + f.row(i, j), *d = f.part(D) + f.row(i, j);
    if (f.finest) {                                                            // D times the diagonal is FIRST
        const M keep = M(1) - ratio * M(FIRST);
        finest_row(f, i, j, v, z0, z1, [=](int z, M x, M sum, M) { to[z] = keep * x + ratio * (first[z] + d[z] * sum); });
    } else {
        coarse_row(f, i, j, v, z0, z1, [=](int z, M x, M product) { to[z] = x + ratio * (first[z] + d[z] * product); });
    }
};
// B - A v: put(z, residual).
auto residual_row = [&](const Level& f, int i, int j, Around v, int z0, int z1, auto put) {
    HP_CONTRACT
    const long long row = f.row(i, j);
    const M *first = f.part(Y) + row, *s = f.part(S) + row, *b = f.part(B) + row;
    constexpr M UNDO = M(1.0 / FIRST);                                         // B is the diagonal times Y / FIRST
    if (!f.finest) coarse_row(f, i, j, v, z0, z1, [=](int z, M, M product) { put(z, b[z] + product); });
    else if (f.open()) finest_row(f, i, j, v, z0, z1, [=](int z, M x, M sum, M all) { put(z, sum + (all + s[z]) * (UNDO * first[z] - x)); });
    else finest_row(f, i, j, v, z0, z1, [=](int z, M x, M sum, M all) { put(z, sum + all * (UNDO * first[z] - x)); });
};
(void)sweep_row; (void)residual_row;
