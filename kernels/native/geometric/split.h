// What the cycle needs, from the face conductances: those of the red cells by direction, 1 / diagonal of both colours,
// and the weights of interpolation. A red child is the mean of its parent and the coarse cells across its outer faces,
// weighted by the conductances to them: to a coarse cell across, the outer face and half that cell's inner face, in
// series; to the parent, the inner faces times 2 / (2 axes - 1), so that constant density gives 3/4, 1/4 in one
// dimension, which is linear, and 1/2, 1/4, 1/4 in two.
struct Child {                                        // along one axis: offsets of its faces from the face before it
    int outer, inner, next, beyond;
    bool pair, across, within;                        // the coarse cell across: of two cells, counts; the parent counts
};
for (int l = first; l < levels; ++l) {
    const Level g = level_at(l);
    const int size[3] = {g.z, g.y, g.x}, pitch[3] = {1, 2 * g.width, 2 * g.width * (g.y + 2)};
    const int axes = (g.z > 1) + (g.y > 1) + (g.x > 1);
    const M to_parent = M(2) / M(2 * (axes > 0 ? axes : 1) - 1), isolated = l == 0 ? M(1) : M(0);
    const M *z_faces = g.plain(FACES), *y_faces = g.plain(FACES + 2), *x_faces = g.plain(FACES + 4);
    auto child_at = [&](int axis, int p) -> Child {
        const int n = size[axis], nc = (n + 1) / 2, up = p & 1, s = pitch[axis];
        const bool wraps = g.wraps(axis), alone = !up && p == n - 1;
        const int other = p / 2 + (up ? 1 : -1), to = other < 0 && wraps ? nc - 1 : other >= nc && wraps ? 0 : other;
        const bool pair = to >= 0 && to < nc && 2 * to + 1 < n;
        const int next = pair ? (2 * to + 1 - p) * s : 0;
        return {up ? s : 0, up ? 0 : s, next, pair ? next + (up ? s : -s) : 0, pair, !alone && !(wraps && nc == 1), !alone};
    };
    // The conductance to the coarse cell across; adds the one to the parent.
    auto conductance_across = [&](const M* face, const Child& c, Numbers& within) -> Numbers {
        const Numbers none = M(0), outer = evens(face + c.outer);
        const Numbers next = c.pair ? evens(face + c.next) : none, beyond = c.pair ? evens(face + c.beyond) : none;
        if (c.within) within += evens(face + c.inner);
        if (!c.across) return none;
        const auto alone = (next <= M(0)) & (beyond <= M(0));            // a single cell lies across (see coarsen.h)
        return (alone | (outer == M(0))) ? outer : M(2) * outer * next / (M(2) * next + outer);
    };
    // Ghosts are included: a black cell's face to the outside is kept with a red ghost.
    EACH_LINE(g.x + 2, g.y + 2, g.half + 2) {
        const int q = (x + y) & 1, row = g.row(x - 1, y - 1), steps = pitch[1], stride = pitch[2];
        const int first = k0 - 1 > -q ? k0 - 1 : -q, last = (g.z - q) / 2, end = k1 - 1 < last + 1 ? k1 - 1 : last + 1;
        M* c = g.part(C) + row;
        for (int k = first; k < end; k += WIDE) {                        // z = 2 k + q from -1 to g.z
            const int at = 2 * (row + k) + q;
            const M* of[6] = {z_faces + at, z_faces + at + 1, y_faces + at, y_faces + at + steps, x_faces + at, x_faces + at + stride};
#pragma unroll
            for (int d = 0; d < 6; ++d) put(evens(of[d]), c + d * g.total + k, end - k);
        }
    }
    EACH_ROW(g) {
        const int q = (x + y) & 1, row = g.row(x, y), cells = g.cells(q), steps = pitch[1], stride = pitch[2];
        for (int color = 0; color < 2; ++color) {
            const int offset = color ? 1 - q : q, last = k1 < g.cells(offset) ? k1 : g.cells(offset);
            M* inverse = g.part(INVERSE + color) + row;
            for (int k = k0; k < last; k += WIDE) {
                const int at = 2 * (row + k) + offset;
                Numbers sum = evens(z_faces + at) + evens(z_faces + at + 1) + evens(y_faces + at) + evens(y_faces + at + steps);
                sum += evens(x_faces + at) + evens(x_faces + at + stride);
                if (SURFACE) sum += evens(g.plain(LEAK) + at);
                put(sum > M(0) ? M(1) / sum : Numbers(isolated), inverse + k, last - k);
            }
            g.seam(inverse, offset, k0, k1);
        }
        const Child child_x = child_at(2, x), child_y = child_at(1, y);
        M* weights = g.part(WEIGHT) + row;
        auto weigh = [&](int k, int count, const Child& child_z) {       // of cells from k on, children alike along z
            const int at = 2 * (row + k) + q;
            Numbers within = M(0);
            const Numbers z_across = conductance_across(z_faces + at, child_z, within);
            const Numbers y_across = conductance_across(y_faces + at, child_y, within);
            const Numbers x_across = conductance_across(x_faces + at, child_x, within);
            const Numbers sum = z_across + y_across + x_across + to_parent * within;
            const Numbers share = sum > M(0) ? M(1) / sum : Numbers(M(0));
            put(z_across * share, weights + k, count);
            put(y_across * share, weights + g.total + k, count);
            put(x_across * share, weights + 2 * g.total + k, count);
        };
        // At walls the faces beyond are zero, so a row's ends need nothing else, unless its last cell stands alone.
        const Child middle = {q ? 1 : 0, q ? 0 : 1, q ? 2 : -1, q ? 3 : -2, true, true, true};
        const int end = k1 < cells ? k1 : cells;
        for (int k = k0; k < end; k += WIDE) weigh(k, end - k, middle);
        for (int k = k0; k < end && (g.wraps(0) || g.z % 2); ++k)
            if (k < 1 || k >= cells - 1) weigh(k, 1, child_at(0, 2 * k + q));
    }
}
