// Face conductances of a coarser level from the next finer one, no matrix product. Across a coarse face run 2 or 4 lines from
// centre to centre, each three resistances in series: half of the pair's inner face, the face itself, half of the next pair's
// inner face. Their sum is right for layers across the lines (and for constant density); half the sum of the faces alone is
// right for inclusions, which lines overrate. The geometric mean of both serves either.
auto coarsen = [&](const Level& f, const Level& g) {
    const int size[3] = {f.z, f.y, f.x}, coarse[3] = {g.z, g.y, g.x};
    const int pitch[3] = {1, 2 * f.width, 2 * f.width * (f.y + 2)};
#pragma unroll
    for (int axis = 0; axis < DIMS; ++axis) {
        const M* fine = f.plain(FACES + 2 * axis);
        M* to = g.plain(FACES + 2 * axis);
        const int n = size[axis], nc = coarse[axis], s = pitch[axis];
        const bool wraps = f.wraps >> axis & 1, vanishes = wraps && nc == 1;
        const int rows_x = g.x + (axis == 2), rows_y = g.y + (axis == 1), row_z = g.z + (axis == 0);
        const int x_lines = DIMS == 3 && axis != 2 ? 2 : 1, y_lines = axis != 1 ? 2 : 1, z_lines = axis != 0 ? 2 : 1;
#if defined(__CUDA_ARCH__)
        for (int t = slot * lanes + lane; t < rows_x * rows_y * row_z; t += slots * lanes) {
            const int y = t / row_z % rows_y, x = t / row_z / rows_y, z0 = t % row_z, z1 = z0 + 1;
#else
        for (int t = slot; t < rows_x * rows_y; t += slots) {
            const int y = t % rows_y, x = t / rows_y, z0 = 0, z1 = row_z;
#endif
            for (int z = z0; z < z1; ++z) {
                const int p = axis == 0 ? z : axis == 1 ? y : x;             // face between coarse cells p - 1 and p
                const int at = p < nc ? 2 * p : n;                           // its place along the axis, fine
                const int i = axis == 2 ? at : DIMS == 3 ? 2 * x : 0, j = axis == 1 ? at : 2 * y, k = axis == 0 ? at : 2 * z;
                // The pairs on both sides, as the offset of their inner face; 0 where a cell is alone or outside.
                const int low = p > 0 ? p - 1 : wraps ? nc - 1 : -1, high = p < nc ? p : wraps ? 0 : -1;
                const bool low_pair = low >= 0 && 2 * low + 1 < n, high_pair = high >= 0 && 2 * high + 1 < n;
                const int to_low = (2 * low + 1 - at) * s, to_high = (2 * high + 1 - at) * s;
                M lines = 0, sum = 0;
                for (int a = 0; a < x_lines; ++a)
                    for (int b = 0; b < y_lines; ++b)
                        for (int c = 0; c < z_lines; ++c) {
                            const M* face = fine + 2 * f.row(i + a, j + b) + k + c;
                            M resistance = M(1) / face[0];                   // infinite is fine
                            if (low_pair && face[to_low] > M(0)) resistance += M(0.5) / face[to_low];
                            if (high_pair && face[to_high] > M(0)) resistance += M(0.5) / face[to_high];
                            lines += M(1) / resistance;
                            sum += face[0];
                        }
                to[2 * g.row(x, y) + z] = vanishes ? M(0) : n == 1 ? sum : sqrt(lines * M(0.5) * sum);
            }
        }
    }
};
