// What the cycle needs, from the face conductances: those of the red cells by direction, 1 / diagonal of both colours, and
// the weights of interpolation. A red child is the mean of its parent and the coarse cells across its outer faces, weighted
// by the conductances to them: g to a coarse cell across (its outer face and half that one's inner face, in series), to
// the parent twice the inner faces, less as axes are many so that constant density gives (linear) 3/4, 1/4 in one
// dimension and 1/2, 1/4, 1/4 in two.
for (int l = 0; l < levels; ++l) {
    const Level g = level_at(l);
    const int size[3] = {g.z, g.y, g.x}, pitch[3] = {1, 2 * g.width, 2 * g.width * (g.y + 2)};
    const int axes = (g.z > 1) + (g.y > 1) + (g.x > 1);
    const M to_parent = M(2) / M(2 * (axes > 0 ? axes : 1) - 1);
    const M* faces[3];
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) faces[axis] = g.plain(FACES + 2 * (axis < DIMS ? axis : 0));
    const int padded_x = g.x + 2 * HX, padded_y = g.y + 2, padded = g.half + 2;
    for (int t = slot * lanes + lane; t < padded_x * padded_y * padded; t += slots * lanes) {
        const int k = t % padded - 1, y = t / padded % padded_y - 1, x = t / padded / padded_y - HX, q = (x + y) & 1;
        const int place = g.row(x, y) + k, z = 2 * k + q;
        const bool row_inside = x >= 0 && x < g.x && y >= 0 && y < g.y;
        for (int color = 0; color < 2; ++color) {
            const int cz = 2 * k + (color ? 1 - q : q), at = 2 * g.row(x, y) + cz;
            if (cz < -1 || cz > g.z) continue;
            M sum = 0;
#pragma unroll
            for (int axis = 0; axis < DIMS; ++axis) {
                const M before = faces[axis][at], behind = faces[axis][at + pitch[axis]];
                if (color == 0) {
                    g.part(C + 2 * axis)[place] = before;
                    g.part(C + 2 * axis + 1)[place] = behind;
                }
                sum += before + behind;
            }
            if (row_inside && cz >= 0 && cz < g.z)
                g.part(INVERSE + color)[place] = sum > M(0) ? M(1) / sum : l == 0 ? M(1) : M(0);
        }
        if (!row_inside || z < 0 || z >= g.z) continue;
        const int position[3] = {z, y, x}, at = 2 * g.row(x, y) + z;
        M across[3], total = 0;
#pragma unroll
        for (int axis = 0; axis < DIMS; ++axis) {
            const int n = size[axis], p = position[axis], up = p & 1, s = pitch[axis], nc = (n + 1) / 2;
            const bool wraps = g.wraps >> axis & 1, alone = p == n - 1 && !up;
            across[axis] = M(0);
            if (alone || n == 1) continue;
            const M* face = faces[axis] + at;
            const M outer = face[up ? s : 0], inner = face[up ? 0 : s];
            const int other = p / 2 + (up ? 1 : -1), to = other < 0 && wraps ? nc - 1 : other >= nc && wraps ? 0 : other;
            const M next = to >= 0 && to < nc && 2 * to + 1 < n ? face[(2 * to + 1 - p) * s] : M(0);
            const bool pair = next > M(0);
            if (outer > M(0) && !(wraps && nc == 1))
                across[axis] = pair ? M(2) * outer * next / (M(2) * next + outer) : outer;
            total += across[axis] + to_parent * inner;
        }
#pragma unroll
        for (int axis = 0; axis < DIMS; ++axis)
            g.part(WEIGHT + axis)[place] = total > M(0) ? across[axis] / total : M(0);
    }
}
