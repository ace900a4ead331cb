// Face conductances of a coarser level from those of the next finer one, without a matrix product. 4 lines cross a
// coarse face from centre to centre, each of three resistances in series: half of the inner face of the pair of cells
// before it, the face itself, half of the inner face of the pair behind it. The lines in parallel are right for layers,
// but they overrate inclusions, for which half the sum of the faces alone is right; both are right for constant
// density. Their geometric mean serves either case.
//
// A pair whose inner face does not conduct adds no resistance if its other cell is missing or solid: then the face
// beyond that cell does not conduct either. If it does, the pair lies on both sides of a thin wall, where a line ends.
//
// Leaks (if SURFACE) add up. Half their sum, the rule for faces, takes 17 iterations instead of 11.
auto coarsen = [&](const Level& f, const Level& g) {
    const int size[3] = {f.z, f.y, f.x}, coarse[3] = {g.z - g.extra(0), g.y - g.extra(1), g.x - g.extra(2)};
    const int pitch[3] = {1, 2 * f.width, 2 * f.width * (f.y + 2)};
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
        const M* fine = f.plain(FACES + 2 * axis);
        M* to = g.plain(FACES + 2 * axis);
        const int n = size[axis], nc = coarse[axis], s = pitch[axis];
        const bool wraps = f.wraps(axis), extra = g.extra(axis);
        const int rows_x = coarse[2] + (axis == 2), rows_y = coarse[1] + (axis == 1), row_z = coarse[0] + (axis == 0);
        const long long behind = axis == 0 ? 1 : axis == 1 ? 2 * g.width : 2ll * g.width * (g.y + 2);
        const int x_lines = axis != 2 ? 2 : 1, y_lines = axis != 1 ? 2 : 1, z_lines = axis != 0 ? 2 : 1;
        // `count` faces p, of coarse cells p - 1 and p, in row (x, y) from z on: the pairs' inner faces lie `low` and `high`
        // from them.
        auto face = [&](int x, int y, int z, int count, int at, bool seam, bool has_low, int low, bool has_high, int high) {
            const int i = axis == 2 ? at : 2 * x, j = axis == 1 ? at : 2 * y, k = axis == 0 ? at : 2 * z;
            const Numbers none = M(0);
            Numbers lines = none, sum = none;
            for (int a = 0; a < x_lines; ++a)
                for (int b = 0; b < y_lines; ++b)
                    for (int c = 0; c < z_lines; ++c) {
                        const M* line = fine + 2 * f.row(i + a, j + b) + k + c;
                        const Numbers own = evens(line);
                        auto half_of = [&](int inner, int beyond) -> Numbers {          // infinite at a wall
                            const Numbers pair = evens(line + inner);
                            return ((pair > M(0)) | (evens(line + beyond) > M(0))) ? M(0.5) / pair : none;
                        };
                        Numbers resistance = M(1) / own;
                        if (has_low) resistance += half_of(low, low - s);
                        if (has_high) resistance += half_of(high, high + s);
                        lines += M(1) / resistance;
                        sum += own;
                    }
            Numbers value = n == 1 ? sum : root(lines * M(0.5) * sum);
            if (seam) value = nc == 1 ? none : extra ? M(2) * value : value;
            M* place = to + 2 * g.row(x, y) + z;
            put(value, place, count);
            if (seam && extra && at == n) put(value, place + behind, count);
        };
        auto any_face = [&](int x, int y, int z, int count) {
            const int p = axis == 0 ? z : axis == 1 ? y : x, at = p < nc ? 2 * p : n;
            const int low = p > 0 ? p - 1 : wraps ? nc - 1 : -1, high = p < nc ? p : wraps ? 0 : -1;
            face(x, y, z, count, at, wraps && (p == 0 || p == nc), low >= 0 && 2 * low + 1 < n, (2 * low + 1 - at) * s,
                 high >= 0 && 2 * high + 1 < n, (2 * high + 1 - at) * s);
        };
        EACH_LINE(rows_x, rows_y, row_z) {
            if (axis > 0) {
                for (int z = k0; z < k1; z += WIDE) any_face(x, y, z, k1 - z);
                continue;
            }
            // At walls the faces beyond are zero, so a row's ends need nothing else, unless its last cell stands alone.
            for (int z = k0; z < k1; z += WIDE) face(x, y, z, k1 - z, 2 * z, false, true, -1, true, 1);
            for (int z = k0; z < k1 && (wraps || n % 2); ++z)
                if (z < 1 || z >= nc - 1) any_face(x, y, z, 1);
        }
    }
    if (SURFACE) {
        const M* fine = f.plain(LEAK);
        M* to = g.plain(LEAK);
        EACH_LINE(coarse[2], coarse[1], coarse[0]) {
            for (int z = k0; z < k1; ++z) {
                M sum = 0;
                for (int i = 0; i < 2; ++i)
                    for (int j = 0; j < 2; ++j) {
                        const M* line = fine + 2 * f.row(2 * x + i, 2 * y + j) + 2 * z;
                        sum += line[0] + line[1];
                    }
                to[2 * g.row(x, y) + z] = sum;
            }
        }
    }
};
