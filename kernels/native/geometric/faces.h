// The finest level's face conductances, from A in brick order. A face to an open side has twice the cell's own; a seam
// with extra cells (geometric/levels.h) has a face on both sides of them. If SURFACE, conductances through open sides
// and surfaces are kept with the cell, as its leak.
const Level g = level_at(0);
const int n = leaves * L;
const double scale[3] = {scale_z, scale_y, scale_x};                    // 1 / h^2, last axis first
const int size[3] = {g.z - g.extra(0), g.y - g.extra(1), g.x - g.extra(2)};
const long long pitch[3] = {1, 2 * g.width, 2ll * g.width * (g.y + 2)};
HP_SLOT(b, leaves) {
    const int* first = origin.data + 3 * b;
    const int* u = used.data + 3 * b;
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
        M* faces = g.plain(FACES + 2 * axis);
        const bool itself = size[axis] == 1;                          // a periodic axis of one cell: no coupling
        const bool opens[2] = {side.data[b * DIRECTIONS + 2 * axis] == 2, side.data[b * DIRECTIONS + 2 * axis + 1] == 2};
        const double* before = conductance.data + (2 * axis) * (long long)n + b * L;
        HP_ROWS {
            if (x >= u[0] || y >= u[1]) continue;
            const int end = z + HP_ROW_LENGTH < u[2] ? z + HP_ROW_LENGTH : u[2];
            M* to = faces + 2 * g.row(first[0] + x, first[1] + y) + first[2];
            for (int v = z; v < end; ++v) to[v] = itself ? M(0) : M(before[l - z + v]);
        }
        HP_SYNC;                                    // inner faces are written; those of the ends replace some
#pragma unroll
        for (int behind = 0; behind < 2; ++behind) {                    // the faces of the domain's ends
            const int last = behind ? u[2 - axis] - 1 : 0, start = first[2 - axis];
            if (behind ? start + last + 1 < size[axis] : start > 0) continue;
            HP_CELLS {
                if ((axis == 0 ? z : axis == 1 ? y : x) != last || x >= u[0] || y >= u[1] || z >= u[2]) continue;
                const long long place = 2 * g.row(first[0] + x, first[1] + y) + first[2] + z + behind * pitch[axis];
                const double own = density.data[b * L + l], open = fluid.data[b * L + l] ? 2.0 * scale[axis] / own : 0.0;
                const M value = opens[behind] ? M(SURFACE ? 0.0 : open) : itself ? M(0) : M(before[behind * (long long)n + l]);
                faces[place] = g.extra(axis) ? M(2) * value : value;
                if (behind && g.extra(axis)) faces[place + pitch[axis]] = M(2) * value;
            }
        }
        HP_SYNC;                                    // this axis is done
    }
    if (SURFACE)
        HP_CELLS {
            if (x >= u[0] || y >= u[1] || z >= u[2]) continue;
            g.plain(LEAK)[2 * g.row(first[0] + x, first[1] + y) + first[2] + z] = M(leak.data[b * L + l]);
        }
}
