// A V-cycle's steps: from x = 0 half-sweeps over red and black cells, SWEEPS times, the coarse correction, and black and
// red cells as often. So the smoother around it is symmetric Gauss-Seidel.
//
// The first red half-sweep is r / diagonal and formed where it is read. After a black half-sweep black residuals are
// zero, and the next one computes black cells from red ones: so only red cells are restricted from and prolonged to.
//
// A step takes a strip: cells k0 to k1 - 1 of one row, or on a CPU several rows, which lie one behind the other in memory, as
// one long loop. Rows are short and have costs of their own. The loop also passes over the ghosts between rows, and writes
// zero there; `codes` tells what it passes: q of the row (``levels.h``), plus 2 where there is no cell of the colour.
struct Strip {
    int x, y, count, k0, k1;
};
auto least = [](int a, int b) { return a < b ? a : b; };
#if defined(__CUDA_ARCH__)
auto each_cell = [&](const Level& g, const Strip& s, int color, auto visit) {
    const int row = g.row(s.x, s.y), q = (s.x + s.y + color) & 1;
    for (int k = s.k0; k < s.k1; ++k) visit(row + k, q, k < g.cells(q));
};
#else
constexpr int CODES = 2048;
int codes[2][CODES];                                  // by colour: of rows one behind the other, the first with x + y even
auto rows_of_codes = [](const Level& g) -> int { return CODES / g.width; };
auto encode = [&](const Level& g) {
    for (int color = 0; color < 2; ++color)
        for (int row = 0; row < least(rows_of_codes(g), g.y + 1); ++row) {
            const int q = (row + color) & 1, cells = g.cells(q);
            int* to = codes[color] + row * g.width;
            for (int i = 0; i < g.width; ++i) to[i] = q + (i >= 1 && i <= cells ? 0 : 2);
        }
};
auto each_cell = [&](const Level& g, const Strip& s, int color, auto visit) {
    const int row = g.row(s.x, s.y), q = (s.x + s.y + color) & 1;
    if (s.count == 1) {
        HP_VECTOR for (int k = s.k0; k < s.k1; ++k) visit(row + k, q, k < g.cells(q));
        return;
    }
    const int n = s.count * g.width - 2, *code = codes[color] + ((s.x + s.y) & 1) * g.width + 1;
    HP_VECTOR for (int i = 0; i < n; ++i) visit(row + i, code[i] & 1, code[i] < 2);
};
#endif
// Fills the ghosts of an array of one colour, where rows are periodic.
auto seams = [](const Level& g, const Strip& s, int color, M* to) {
    if (!g.wraps(0)) return;
    for (int j = 0; j < s.count; ++j) g.seam(to + g.row(s.x, s.y + j), (s.x + s.y + j + color) & 1, s.k0, s.k1);
};
// Value at the cell before cell i along z, and behind it, which are of the other colour: at i + q - 1 and i + q.
auto before = [](int i, int q, auto value) -> M {
#if defined(__CUDA_ARCH__)
    return value(i + q - 1);
#else
    const M even = value(i - 1), odd = value(i);
    return q ? odd : even;
#endif
};
auto behind = [](int i, int q, auto value) -> M {
#if defined(__CUDA_ARCH__)
    return value(i + q);
#else
    const M even = value(i), odd = value(i + 1);
    return q ? odd : even;
#endif
};
struct Beside {                                       // from a cell to the cells across, along y and x
    int y0, y1, x0, x1;
};
auto beside = [](const Level& g, const Strip& s) -> Beside {
    const int row = g.row(s.x, s.y), next = s.count > 1 ? g.width : g.beside_y(s.x, s.y + 1) - row;
    return {g.beside_y(s.x, s.y - 1) - row, next, g.beside_x(s.x - 1, s.y) - row, g.beside_x(s.x + 1, s.y) - row};
};
// Sums of conductance times value over a cell's six faces. A face's conductance is kept with its red cell.
auto red_sum = [=](const M* c, long long n, const Beside& to, int i, int q, auto value) -> M {
    HP_CONTRACT
    M sum = c[i] * before(i, q, value);
    sum += c[n + i] * behind(i, q, value);
    sum += c[2 * n + i] * value(i + to.y0);
    sum += c[3 * n + i] * value(i + to.y1);
    sum += c[4 * n + i] * value(i + to.x0);
    sum += c[5 * n + i] * value(i + to.x1);
    return sum;
};
auto black_sum = [=](const M* c, long long n, const Beside& to, int i, int q, auto value) -> M {
    HP_CONTRACT
    M sum = before(i, q, [=](int j) { return c[n + j]; }) * before(i, q, value);
    sum += behind(i, q, [=](int j) { return c[j]; }) * behind(i, q, value);
    sum += c[3 * n + i + to.y0] * value(i + to.y0);
    sum += c[2 * n + i + to.y1] * value(i + to.y1);
    sum += c[5 * n + i + to.x0] * value(i + to.x0);
    sum += c[4 * n + i + to.x1] * value(i + to.x1);
    return sum;
};

auto restrict_to = [&](const Level& f, const Level& g, int x, int y, int k0, int k1) {
    const M *own = f.part(OWN), *share_z = f.part(SHARE), *share_y = f.part(SHARE + 1), *share_x = f.part(SHARE + 2);
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
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 2; ++j) {
                    const int child = f.row(2 * x + i, 2 * y + j) + z;
                    sum += own[child] + share_z[child + ((i + j) & 1 ? -1 : 1)];
                }
            for (int i = 0; i < 2; ++i) sum += share_y[f.row(2 * x + i, y0) + z] + share_y[f.row(2 * x + i, y1) + z];
            for (int j = 0; j < 2; ++j) sum += share_x[f.row(x0, 2 * y + j) + z] + share_x[f.row(x1, 2 * y + j) + z];
            r[k] = sum;
        }
        if (color == 0) g.seam(r, q, k0, k1);
    }
};
// Half a sweep: `to`, cells of one colour, from the values of the other one.
auto half_sweep = [&](const Level& g, const Strip& s, int color, auto sum_over, auto value, M* to) {
    const M *c = g.part(C), *r = g.part(R + color), *inverse = g.part(INVERSE + color);
    const long long n = g.total;
    const Beside across = beside(g, s);
    each_cell(g, s, color, [=](int i, int q, bool inside) {
        const M swept = inverse[i] * (r[i] + sum_over(c, n, across, i, q, value));
        to[i] = inside ? swept : M(0);
    });
    seams(g, s, color, to);
};
auto first_black = [&](const Level& g, const Strip& s) {
    const M *r_red = g.part(R), *inverse_red = g.part(INVERSE);
    half_sweep(g, s, 1, black_sum, [=](int i) { return inverse_red[i] * r_red[i]; }, g.part(Y));
};
auto red = [&](const Level& g, const Strip& s) {      // X from Y
    const M* black = g.part(Y);
    half_sweep(g, s, 0, red_sum, [=](int i) { return black[i]; }, g.part(X));
};
auto black = [&](const Level& g, const Strip& s, int role) { // `role`, Y or Z, from X
    const M* red = g.part(X);
    half_sweep(g, s, 1, black_sum, [=](int i) { return red[i]; }, g.part(role));
};
auto residual_red = [&](const Level& g, const Strip& s) { // zero before the last black half-sweep
    const M *c = g.part(C), *last = g.part(Z), *first = g.part(Y);
    const M *weight_z = g.part(WEIGHT), *weight_y = g.part(WEIGHT + 1), *weight_x = g.part(WEIGHT + 2);
    M *own = g.part(OWN), *share_z = g.part(SHARE), *share_y = g.part(SHARE + 1), *share_x = g.part(SHARE + 2);
    const long long n = g.total;
    const Beside across = beside(g, s);
    each_cell(g, s, 0, [=](int i, int q, bool inside) {
        const M all = red_sum(c, n, across, i, q, [=](int j) { return SWEEPS == 1 ? first[j] : last[j] - first[j]; });
        const M sum = inside ? all : M(0);
        const M to_z = weight_z[i] * sum, to_y = weight_y[i] * sum, to_x = weight_x[i] * sum;
        share_z[i] = to_z;
        share_y[i] = to_y;
        share_x[i] = to_x;
        own[i] = sum - to_z - to_y - to_x;
    });
    seams(g, s, 0, share_z);
};
auto prolong_row = [&](const Level& f, const Level& g, int x, int y, int k0, int k1) {
    HP_CONTRACT
    const M* e = g.plain(E);
    const int q = (x + y) & 1, row = f.row(x, y), end = least(k1, f.cells(q)), up = x / 2, left = y / 2;
    // The coarse cells across, by the fine level's seam: extra coarse cells have no children.
    const int beside_y = f.wrap(left + (y & 1 ? 1 : -1), g.y - g.extra(1), 1);
    const int beside_x = f.wrap(up + (x & 1 ? 1 : -1), g.x - g.extra(2), 2);
    const M *at = e + 2 * g.row(up, left), *at_z = at + (q ? 1 : -1);
    const M *at_y = e + 2 * g.row(up, beside_y), *at_x = e + 2 * g.row(beside_x, left);
    const M *weight_z = f.part(WEIGHT) + row, *weight_y = f.part(WEIGHT + 1) + row, *weight_x = f.part(WEIGHT + 2) + row;
    const M *r = f.part(R) + row, *inverse = f.part(INVERSE) + row;
    M* to = f.part(X) + row;
    HP_VECTOR for (int k = k0; k < end; ++k) {
        M sum = at[k] + weight_z[k] * (at_z[k] - at[k]) + weight_y[k] * (at_y[k] - at[k]);
        sum += weight_x[k] * (at_x[k] - at[k]);
        to[k] = (SWEEPS == 1 ? inverse[k] * r[k] : to[k]) + sum;
    }
    f.seam(to, q, k0, k1);
};
auto prolong_red = [&](const Level& f, const Level& g, const Strip& s) {
    for (int j = 0; j < s.count; ++j) prolong_row(f, g, s.x, s.y + j, s.k0, s.k1);
};
auto last_red = [&](const Level& g, const Strip& s) { // also writes both colours to the result
    const int z_end = g.z - g.extra(0), count = least(s.count, g.y - g.extra(1) - s.y);
    if (s.x >= g.x - g.extra(2) || count < 1) return;
    const M *c = g.part(C), *r = g.part(R), *inverse = g.part(INVERSE), *black = g.part(Y);
    const long long n = g.total;
    const Beside across = beside(g, s);
    const int row = g.row(s.x, s.y);
    M* result = g.plain(E);
    each_cell(g, Strip{s.x, s.y, count, s.k0, s.k1}, 0, [=](int i, int q, bool inside) {
        const M sum = inverse[i] * (r[i] + red_sum(c, n, across, i, q, [=](int j) { return black[j]; })), value = inside ? sum : M(0);
        result[2 * i] = q ? black[i] : value;
        const bool exists = LANES == 1 || 2 * (i - row) + 1 < z_end;   // else another lane writes there, below
        if (exists) result[2 * i + 1] = q ? value : black[i];
    });
    for (int j = 0; j < count && g.wraps(0); ++j) {
        M* to = result + 2 * g.row(s.x, s.y + j);
        if (s.k0 == 0) to[z_end] = to[0];
        if (s.k0 <= (z_end - 1) / 2 && (z_end - 1) / 2 < s.k1) to[-1] = to[z_end - 1];
    }
};
// Steps over a level's strips. Each step needs the one before it done in its own plane and in the planes beside it. A block
// takes the steps in turn. A single lane runs them side by side, each a plane behind the one before, so that memory they
// share is read once; planes that may lie beside others across a seam come last.
auto in_turn = [&](const Level& g, auto... steps) {
#if defined(__CUDA_ARCH__)
    auto take = [&](auto step) {
        EACH_ROW(g) step(Strip{x, y, 1, k0, k1});
        HP_SYNC;                                    // the step is done in all rows; the next one reads rows across
    };
    (take(steps), ...);
#else
    const int most = rows_of_codes(g) - 1;
    encode(g);
    auto take = [&](auto step, int x) {             // rows beside a seam by themselves: what is across lies elsewhere
        for (int y = 0, count; y < g.y; y += count) {
            const bool alone = most < 2 || (g.wraps(1) && (y == 0 || y == g.y - 1));
            count = alone ? 1 : least(most, g.y - g.wraps(1) - y);
            step(Strip{x, y, count, 0, g.half});
        }
    };
    auto side_by_side = [&](int number, int x) { return number == 0 ? x < g.x : x >= number && x <= g.x - number; };
    auto take_some = [&](auto step, int number, int x) {
        if (x >= 0 && side_by_side(number, x)) take(step, x);
    };
    auto take_last = [&](auto step, int number) {
        for (int x = 0; x < g.x; ++x)
            if (!side_by_side(number, x)) take(step, x);
    };
    for (int x = 0; x < g.x + 1; ++x) {
        int number = 0;
        ((take_some(steps, number, x - number), ++number), ...);
    }
    int number = 0;
    (take_last(steps, number++), ...);
#endif
};
