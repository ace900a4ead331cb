// A V-cycle's steps, for cells k0 to k1 - 1 of row (x, y): from x = 0 half-sweeps over red and black cells, SWEEPS times,
// the coarse correction, and black and red cells as often. So the smoother around it is symmetric Gauss-Seidel.
//
// The first red half-sweep is r / diagonal and formed where it is read. After a black half-sweep black residuals are
// zero, and the next one computes black cells from red ones: so only red cells are restricted from and prolonged to.

struct Faces {                                        // conductances of a row's cells of one colour, by direction
    const M *z0, *z1, *y0, *y1, *x0, *x1;
};
struct Places {                                       // places of the cells across, by direction
    int z0, z1, y0, y1, x0, x1;
};
auto places = [&](const Level& g, int x, int y, int q) -> Places {       // of the other colour, beside z = 2 k + q
    const int row = g.row(x, y);
    return {row + q - 1,           row + q,
            g.beside_y(x, y - 1),  g.beside_y(x, y + 1),
            DIMS == 3 ? g.beside_x(x - 1, y) : 0, DIMS == 3 ? g.beside_x(x + 1, y) : 0};
};
auto red_faces = [&](const Level& g, int x, int y) -> Faces {
    const M* c = g.part(C) + g.row(x, y);
    const long long n = g.total;
    return {c, c + n, c + 2 * n, c + 3 * n, c + (2 * DIMS - 2) * n, c + (2 * DIMS - 1) * n};
};
// A face's conductance is kept with its red cell.
auto black_faces = [&](const Level& g, int x, int y) -> Faces {
    const M* c = g.part(C);
    const long long n = g.total;
    const int row = g.row(x, y), q = 1 - ((x + y) & 1);
    return {c + n + row + q - 1,         c + row + q,
            c + 3 * n + g.row(x, y - 1), c + 2 * n + g.row(x, y + 1),
            DIMS == 3 ? c + (2 * DIMS - 1) * n + g.row(x - 1, y) : c, DIMS == 3 ? c + (2 * DIMS - 2) * n + g.row(x + 1, y) : c};
};
auto sum_over = [](const Faces& c, const Places& p, int k, auto value) -> M {
    HP_CONTRACT
    M sum = c.z0[k] * value(p.z0 + k);
    sum += c.z1[k] * value(p.z1 + k);
    sum += c.y0[k] * value(p.y0 + k);
    sum += c.y1[k] * value(p.y1 + k);
    if (DIMS == 3) sum += c.x0[k] * value(p.x0 + k);
    if (DIMS == 3) sum += c.x1[k] * value(p.x1 + k);
    return sum;
};
auto least = [](int a, int b) { return a < b ? a : b; };

auto restrict_to = [&](const Level& f, const Level& g, int x, int y, int k0, int k1) {
    const M *own = f.part(OWN), *share_z = f.part(SHARE), *share_y = f.part(SHARE + 1), *share_x = f.part(SHARE + DIMS - 1);
    if (x >= g.x - g.extra(2) || y >= g.y - g.extra(1)) return;
    // The child rows of the coarse rows beside, whose shares go to this one: the upper child before, the lower behind.
    const int y0 = f.wrap(2 * y - 1, f.y, 1), y1 = 2 * y + 2 < f.y ? 2 * y + 2 : f.wrap(f.y, f.y, 1);
    const int x0 = f.wrap(2 * x - 1, f.x, 2), x1 = 2 * x + 2 < f.x ? 2 * x + 2 : f.wrap(f.x, f.x, 2);
    const int row = g.row(x, y);
    for (int color = 0; color < 2; ++color) {
        const int q = (x + y + color) & 1, end = least(k1, (g.z - g.extra(0) + 1 - q) / 2);
        M* r = g.part(R + color) + row;
        HP_VECTOR for (int k = k0; k < end; ++k) {
            const int z = 2 * k + q;
            M sum = 0;
            for (int i = 0; i <= HX; ++i)
                for (int j = 0; j < 2; ++j) {
                    const int child = f.row(2 * x + i, 2 * y + j) + z;
                    sum += own[child] + share_z[child + ((i + j) & 1 ? -1 : 1)];
                }
            for (int i = 0; i <= HX; ++i) sum += share_y[f.row(2 * x + i, y0) + z] + share_y[f.row(2 * x + i, y1) + z];
            if (DIMS == 3)
                for (int j = 0; j < 2; ++j)
                    sum += share_x[f.row(x0, 2 * y + j) + z] + share_x[f.row(x1, 2 * y + j) + z];
            r[k] = sum;
        }
        if (color == 0) g.seam(r, q, k0, k1);
    }
};
auto first_black = [&](const Level& g, int x, int y, int k0, int k1) {
    const int q = 1 - ((x + y) & 1), row = g.row(x, y), end = least(k1, g.cells(q));
    const Faces c = black_faces(g, x, y);
    const Places across = places(g, x, y, q);
    const M *r = g.part(R + 1) + row, *inverse = g.part(INVERSE + 1) + row, *r_red = g.part(R), *inverse_red = g.part(INVERSE);
    M* to = g.part(Y) + row;
    HP_VECTOR for (int k = k0; k < end; ++k)
        to[k] = inverse[k] * (r[k] + sum_over(c, across, k, [=](int i) { return inverse_red[i] * r_red[i]; }));
    g.seam(to, q, k0, k1);
};
auto red = [&](const Level& g, int x, int y, int k0, int k1) { // X from Y
    const int q = (x + y) & 1, row = g.row(x, y), end = least(k1, g.cells(q));
    const Faces c = red_faces(g, x, y);
    const Places across = places(g, x, y, q);
    const M *r = g.part(R) + row, *inverse = g.part(INVERSE) + row, *black = g.part(Y);
    M* to = g.part(X) + row;
    HP_VECTOR for (int k = k0; k < end; ++k)
        to[k] = inverse[k] * (r[k] + sum_over(c, across, k, [=](int i) { return black[i]; }));
    g.seam(to, q, k0, k1);
};
auto black = [&](const Level& g, int x, int y, int k0, int k1, int role) { // `role`, Y or Z, from X
    const int q = 1 - ((x + y) & 1), row = g.row(x, y), end = least(k1, g.cells(q));
    const Faces c = black_faces(g, x, y);
    const Places across = places(g, x, y, q);
    const M *r = g.part(R + 1) + row, *inverse = g.part(INVERSE + 1) + row, *red = g.part(X);
    M* to = g.part(role) + row;
    HP_VECTOR for (int k = k0; k < end; ++k)
        to[k] = inverse[k] * (r[k] + sum_over(c, across, k, [=](int i) { return red[i]; }));
    g.seam(to, q, k0, k1);
};
auto residual_red = [&](const Level& g, int x, int y, int k0, int k1) { // zero before the last black half-sweep
    const int q = (x + y) & 1, row = g.row(x, y), end = least(k1, g.cells(q));
    const Faces c = red_faces(g, x, y);
    const Places across = places(g, x, y, q);
    const M *last = g.part(Z), *first = g.part(Y);
    const M *weight_z = g.part(WEIGHT) + row, *weight_y = g.part(WEIGHT + 1) + row, *weight_x = g.part(WEIGHT + DIMS - 1) + row;
    M *own = g.part(OWN) + row, *share_z = g.part(SHARE) + row, *share_y = g.part(SHARE + 1) + row;
    M* share_x = g.part(SHARE + DIMS - 1) + row;
    HP_VECTOR for (int k = k0; k < end; ++k) {
        const M sum = sum_over(c, across, k, [=](int i) { return SWEEPS == 1 ? first[i] : last[i] - first[i]; });
        const M to_z = weight_z[k] * sum, to_y = weight_y[k] * sum, to_x = DIMS == 3 ? weight_x[k] * sum : M(0);
        share_z[k] = to_z;
        share_y[k] = to_y;
        if (DIMS == 3) share_x[k] = to_x;
        own[k] = sum - to_z - to_y - to_x;
    }
    g.seam(share_z, q, k0, k1);
};
auto prolong_red = [&](const Level& f, const Level& g, int x, int y, int k0, int k1) {
    HP_CONTRACT
    const M* e = g.plain(E);
    const int q = (x + y) & 1, row = f.row(x, y), end = least(k1, f.cells(q)), up = x / 2, left = y / 2;
    // The coarse cells across, by the fine level's seam: extra coarse cells have no children.
    const int beside_y = f.wrap(left + (y & 1 ? 1 : -1), g.y - g.extra(1), 1);
    const int beside_x = DIMS == 3 ? f.wrap(up + (x & 1 ? 1 : -1), g.x - g.extra(2), 2) : 0;
    const M *at = e + 2 * g.row(up, left), *at_z = at + (q ? 1 : -1);
    const M *at_y = e + 2 * g.row(up, beside_y), *at_x = e + 2 * g.row(beside_x, left);
    const M *weight_z = f.part(WEIGHT) + row, *weight_y = f.part(WEIGHT + 1) + row, *weight_x = f.part(WEIGHT + DIMS - 1) + row;
    const M *r = f.part(R) + row, *inverse = f.part(INVERSE) + row;
    M* to = f.part(X) + row;
    HP_VECTOR for (int k = k0; k < end; ++k) {
        M sum = at[k] + weight_z[k] * (at_z[k] - at[k]) + weight_y[k] * (at_y[k] - at[k]);
        if (DIMS == 3) sum += weight_x[k] * (at_x[k] - at[k]);
        to[k] = (SWEEPS == 1 ? inverse[k] * r[k] : to[k]) + sum;
    }
    f.seam(to, q, k0, k1);
};
auto last_red = [&](const Level& g, int x, int y, int k0, int k1) { // also writes both colours to the result
    const int z_end = g.z - g.extra(0);
    if (x >= g.x - g.extra(2) || y >= g.y - g.extra(1)) return;
    const int q = (x + y) & 1, row = g.row(x, y), reds = least(k1, (z_end + 1 - q) / 2), blacks = least(k1, (z_end + q) / 2);
    const Faces c = red_faces(g, x, y);
    const Places across = places(g, x, y, q);
    const M *r = g.part(R) + row, *inverse = g.part(INVERSE) + row, *black = g.part(Y);
    M* to = g.plain(E) + 2 * row;
    HP_VECTOR for (int k = k0; k < reds; ++k)
        to[2 * k + q] = inverse[k] * (r[k] + sum_over(c, across, k, [=](int i) { return black[i]; }));
    HP_VECTOR for (int k = k0; k < blacks; ++k) to[2 * k + 1 - q] = black[row + k];
    if (g.wraps(0) && k0 == 0) to[z_end] = to[0];
    if (g.wraps(0) && k0 <= (z_end - 1) / 2 && (z_end - 1) / 2 < k1) to[-1] = to[z_end - 1];
};
// Steps over a level's rows. Each step needs the one before it done in its own row and in the rows beside it. A block
// takes the steps in turn. A single lane runs them side by side, each `lag` rows behind the one before, the distance of
// rows beside each other, so that memory they share is read once; rows that may lie beside others across a seam come last.
auto in_turn = [&](const Level& g, auto... steps) {
#if defined(__CUDA_ARCH__)
    auto take = [&](auto step) {
        EACH_ROW(g) step(x, y, k0, k1);
        HP_SYNC;                                    // the step is done in all rows; the next one reads rows across
    };
    (take(steps), ...);
#else
    const int n = g.x * g.y, lag = DIMS == 3 ? g.y : 1;
    auto side_by_side = [&](int number, int t) { return number == 0 ? t < n : t >= number * lag && t < n - (number - 1) * lag; };
    auto take = [&](auto step, int number, int t) {
        if (side_by_side(number, t)) step(DIMS == 3 ? t / g.y : 0, DIMS == 3 ? t % g.y : t, 0, g.half);
    };
    auto take_last = [&](auto step, int number) {
        for (int t = 0; t < n; ++t)
            if (!side_by_side(number, t)) step(DIMS == 3 ? t / g.y : 0, DIMS == 3 ? t % g.y : t, 0, g.half);
    };
    for (int t = 0; t < n + lag; ++t) {
        int number = 0;
        ((take(steps, number, t - number * lag), ++number), ...);
    }
    int number = 0;
    (take_last(steps, number++), ...);
#endif
};
