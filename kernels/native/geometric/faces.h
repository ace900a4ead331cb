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
    const int nx = u[0], ny = u[1], nz = u[2];
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
        M* faces = g.plain(FACES + 2 * axis);
        const bool itself = size[axis] == 1;                          // a periodic axis of one cell: no coupling
        const bool opens[2] = {side.data[b * DIRECTIONS + 2 * axis] == 2, side.data[b * DIRECTIONS + 2 * axis + 1] == 2};
        const double* before = conductance.data + (2 * axis) * (long long)n + b * L;
#if defined(__CUDA_ARCH__)
        HP_CELLS {
            if (x >= nx || y >= ny || z >= nz) continue;
            faces[2 * g.row(first[0] + x, first[1] + y) + first[2] + z] = itself ? M(0) : M(before[l]);
        }
#else
        using Given = double __attribute__((ext_vector_type(BZ)));
        using Row = M __attribute__((ext_vector_type(BZ)));
        M* corner = faces + 2 * g.row(first[0], first[1]) + first[2];
        for (int x = 0; x < nx; ++x)
            for (int y = 0; y < ny; ++y) {
                M* to = corner + x * pitch[2] + y * pitch[1];
                Given given;
                __builtin_memcpy(&given, before + (x * BY + y) * BZ, sizeof(given));
                const Row row = itself ? Row(M(0)) : __builtin_convertvector(given, Row);
                if (nz == BZ) __builtin_memcpy(to, &row, sizeof(row));
                else __builtin_memcpy(to, &row, sizeof(M) * nz);
            }
#endif
        HP_SYNC;                                    // inner faces are written; those of the ends replace some
#pragma unroll
        for (int behind = 0; behind < 2; ++behind) {                    // the faces of the domain's ends
            const int last = behind ? u[2 - axis] - 1 : 0, start = first[2 - axis];
            if (behind ? start + last + 1 < size[axis] : start > 0) continue;
            HP_CELLS {
                if ((axis == 0 ? z : axis == 1 ? y : x) != last || x >= nx || y >= ny || z >= nz) continue;
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
            if (x >= nx || y >= ny || z >= nz) continue;
            g.plain(LEAK)[2 * g.row(first[0] + x, first[1] + y) + first[2] + z] = M(leak.data[b * L + l]);
        }
}
