// A V-cycle's steps, for cells k0 to k1 - 1 of row (x, y). x = 0, red, black; coarse correction; black, red: a symmetric
// Gauss-Seidel smoother around it.
//
// After the black half-sweep a black residual is zero, and the next half-sweep replaces the black cells by what the red ones
// say: so only red cells are restricted from and prolonged to.

// store(place, sum over faces of c x_across) for the red cells of a row; `own` is red too.
auto red_row = [&](const Level& g, int x, int y, int k0, int k1, const M* black, const M* own, auto store) {
    const int q = (x + y) & 1, row = g.row(x, y), end = k1 < g.cells(q) ? k1 : g.cells(q);
    const M *z0 = black + row + q - 1, *z1 = black + row + q;
    const M *y0 = g.across(black, own, x, y, 1, -1), *y1 = g.across(black, own, x, y, 1, 1);
    const M *c0 = g.part(C) + row, *c1 = g.part(C + 1) + row, *c2 = g.part(C + 2) + row, *c3 = g.part(C + 3) + row;
    if (DIMS == 3) {
        const M *x0 = g.across(black, own, x, y, 2, -1), *x1 = g.across(black, own, x, y, 2, 1);
        const M *c4 = g.part(C + 2 * DIMS - 2) + row, *c5 = g.part(C + 2 * DIMS - 1) + row;
        HP_VECTOR for (int k = k0; k < end; ++k)
            store(row + k, c0[k] * z0[k] + c1[k] * z1[k] + c2[k] * y0[k] + c3[k] * y1[k] + c4[k] * x0[k] + c5[k] * x1[k]);
    } else {
        HP_VECTOR for (int k = k0; k < end; ++k)
            store(row + k, c0[k] * z0[k] + c1[k] * z1[k] + c2[k] * y0[k] + c3[k] * y1[k]);
    }
};
// The same for the black cells: a face's conductance is kept with its red cell.
auto black_row = [&](const Level& g, int x, int y, int k0, int k1, const M* red, const M* own, auto store) {
    const int q = (x + y) & 1, row = g.row(x, y), end = k1 < g.cells(1 - q) ? k1 : g.cells(1 - q);
    const M *z0 = red + row - q, *z1 = red + row - q + 1;
    const M *y0 = g.across(red, own, x, y, 1, -1), *y1 = g.across(red, own, x, y, 1, 1);
    const M *c0 = g.part(C + 1) + row - q, *c1 = g.part(C) + row - q + 1;
    const M *c2 = g.part(C + 3) + g.row(x, y - 1), *c3 = g.part(C + 2) + g.row(x, y + 1);
    if (DIMS == 3) {
        const M *x0 = g.across(red, own, x, y, 2, -1), *x1 = g.across(red, own, x, y, 2, 1);
        const M *c4 = g.part(C + 2 * DIMS - 1) + g.row(x - 1, y), *c5 = g.part(C + 2 * DIMS - 2) + g.row(x + 1, y);
        HP_VECTOR for (int k = k0; k < end; ++k)
            store(row + k, c0[k] * z0[k] + c1[k] * z1[k] + c2[k] * y0[k] + c3[k] * y1[k] + c4[k] * x0[k] + c5[k] * x1[k]);
    } else {
        HP_VECTOR for (int k = k0; k < end; ++k)
            store(row + k, c0[k] * z0[k] + c1[k] * z1[k] + c2[k] * y0[k] + c3[k] * y1[k]);
    }
};
auto restrict_to = [&](const Level& f, const Level& g, int x, int y, int k0, int k1) {          // r from the finer level f, and x red from x = 0
    const M *own = f.part(OWN), *share_z = f.part(SHARE), *share_y = f.part(SHARE + 1), *share_x = f.part(SHARE + DIMS - 1);
    // The child rows across that share with this one: the upper child before it, the lower child behind it.
    const int y0 = f.wrap(2 * y - 1, f.y, 1), y1 = 2 * y + 2 < f.y ? 2 * y + 2 : f.wrap(f.y, f.y, 1);
    const int x0 = f.wrap(2 * x - 1, f.x, 2), x1 = 2 * x + 2 < f.x ? 2 * x + 2 : f.wrap(f.x, f.x, 2);
    const int row = g.row(x, y);
    for (int color = 0; color < 2; ++color) {
        const int q = (x + y + color) & 1, end = k1 < g.cells(q) ? k1 : g.cells(q);
        M *r = g.part(R + color) + row, *x_red = g.part(X) + row;
        const M* inverse = g.part(INVERSE) + row;
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
            if (color == 0) x_red[k] = inverse[k] * sum;
        }
        if (color == 0) g.seam(x_red, nullptr, q, k0, k1);
    }
};
auto pre_black = [&](const Level& g, int x, int y, int k0, int k1) {
    const M *r = g.part(R + 1), *inverse = g.part(INVERSE + 1), *red = g.part(X);
    M* to = g.part(X + 1);
    black_row(g, x, y, k0, k1, red, nullptr, [=](int i, M sum) { to[i] = inverse[i] * (r[i] + sum); });
    g.seam(to + g.row(x, y), red + g.row(x, y), 1 - ((x + y) & 1), k0, k1);
};
auto residual_red = [&](const Level& g, int x, int y, int k0, int k1) {
    const M *weight_z = g.part(WEIGHT), *weight_y = g.part(WEIGHT + 1), *weight_x = g.part(WEIGHT + DIMS - 1);
    M *own = g.part(OWN), *share_z = g.part(SHARE), *share_y = g.part(SHARE + 1), *share_x = g.part(SHARE + DIMS - 1);
    red_row(g, x, y, k0, k1, g.part(X + 1), g.part(X), [=](int i, M sum) {
        const M to_z = weight_z[i] * sum, to_y = weight_y[i] * sum, to_x = DIMS == 3 ? weight_x[i] * sum : M(0);
        share_z[i] = to_z;
        share_y[i] = to_y;
        if (DIMS == 3) share_x[i] = to_x;
        own[i] = sum - to_z - to_y - to_x;
    });
    M* ends = share_z + g.row(x, y);
    if ((g.wraps & 1) && ((x + y) & 1) == 0 && k0 == 0) ends[g.half] = ends[0];
    if ((g.wraps & 1) && ((x + y) & 1) == 1 && g.z % 2 == 0 && k1 >= g.half) ends[-1] = ends[g.half - 1];
};
auto prolong_red = [&](const Level& f, const Level& g, int x, int y, int k0, int k1) {
    const M* e = g.plain(E);
    const int q = (x + y) & 1, row = f.row(x, y), end = k1 < f.cells(q) ? k1 : f.cells(q), up = x / 2, left = y / 2;
    const M *at = e + 2 * g.row(up, left), *at_z = at + (q ? 1 : -1);
    const M* at_y = e + 2 * g.row(up, g.wrap(left + (y & 1 ? 1 : -1), g.y, 1));
    const M* at_x = e + 2 * g.row(DIMS == 3 ? g.wrap(up + (x & 1 ? 1 : -1), g.x, 2) : 0, left);
    const M *weight_z = f.part(WEIGHT) + row, *weight_y = f.part(WEIGHT + 1) + row;
    const M* weight_x = f.part(WEIGHT + DIMS - 1) + row;
    M* to = f.part(X) + row;
    HP_VECTOR for (int k = k0; k < end; ++k) {
        M sum = at[k] + weight_z[k] * (at_z[k] - at[k]) + weight_y[k] * (at_y[k] - at[k]);
        if (DIMS == 3) sum += weight_x[k] * (at_x[k] - at[k]);
        to[k] += sum;
    }
    f.seam(to, f.part(X + 1) + row, q, k0, k1);
};
auto post_black = [&](const Level& g, int x, int y, int k0, int k1) {
    const M *r = g.part(R + 1), *inverse = g.part(INVERSE + 1), *red = g.part(X);
    M* to = g.part(Y);
    black_row(g, x, y, k0, k1, red, g.part(X + 1), [=](int i, M sum) { to[i] = inverse[i] * (r[i] + sum); });
    g.seam(to + g.row(x, y), red + g.row(x, y), 1 - ((x + y) & 1), k0, k1);
};
auto post_red = [&](const Level& g, int x, int y, int k0, int k1) {                             // and both colours to e
    const M *r = g.part(R), *inverse = g.part(INVERSE), *black = g.part(Y);
    const int q = (x + y) & 1, row = g.row(x, y), end = k1 < g.cells(1 - q) ? k1 : g.cells(1 - q);
    M* to = g.plain(E) + 2 * row;
    red_row(g, x, y, k0, k1, black, g.part(X),
            [=](int i, M sum) { to[2 * (i - row) + q] = inverse[i] * (r[i] + sum); });
    HP_VECTOR for (int k = k0; k < end; ++k) to[2 * k + 1 - q] = black[row + k];
    if ((g.wraps & 1) && k0 == 0) to[g.z] = to[0];
    if ((g.wraps & 1) && k1 >= g.half) to[-1] = to[g.z - 1];
};
// Three steps over a level's rows, each of which needs the one before it done in its own row and those beside it. A block
// takes one after the other. A single lane runs them side by side, `lag` rows apart, which is as far as rows beside each
// other lie, so that what they share is read from memory once; rows that may lie beside others across a seam come last.
auto in_turn = [&](const Level& g, auto first, auto second, auto third) {
#if defined(__CUDA_ARCH__)
    EACH_ROW(g) first(x, y, k0, k1);
    HP_SYNC;
    EACH_ROW(g) second(x, y, k0, k1);
    HP_SYNC;
    EACH_ROW(g) third(x, y, k0, k1);
    HP_SYNC;
#else
    const int n = g.x * g.y, lag = DIMS == 3 ? g.y : 1;
    auto row = [&](auto step, int t) { step(DIMS == 3 ? t / g.y : 0, DIMS == 3 ? t % g.y : t, 0, g.half); };
    for (int t = 0; t < n + lag; ++t) {
        if (t < n) row(first, t);
        if (t - lag >= lag) row(second, t - lag);
        if (t - 2 * lag >= 2 * lag && t - 2 * lag < n - lag) row(third, t - 2 * lag);
    }
    for (int t = 0; t < lag; ++t) row(second, t);
    for (int t = 0; t < n; ++t)
        if (t < 2 * lag || t >= n - lag) row(third, t);
#endif
};
