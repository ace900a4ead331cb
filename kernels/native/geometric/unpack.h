// z = the finest level's result in brick order, and r.z per slot.
const Level g = level_at(0);
const M* e = g.plain(E);
double rz[ACCUMULATORS] = {};
#if defined(__CUDA_ARCH__)
HP_SLOT_ROWS(b, leaves) {
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b, i = b * L + l;
    const bool inside = x < u[0] && y < u[1] && z < u[2];
    const T value = inside ? T(e[2 * g.row(first[0] + x, first[1] + y) + first[2] + z]) : T(0);
    z_.data[i] = value;
    rz[0] += double(r.data[i]) * double(value);
}
#else
using Result = M __attribute__((ext_vector_type(BZ)));
using Row = T __attribute__((ext_vector_type(BZ)));
using Terms = double __attribute__((ext_vector_type(BZ)));
Terms sum[2] = {};                                  // of even and of odd rows
HP_SLOT(b, leaves) {
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b;
    const int nx = u[0], ny = u[1], nz = u[2], plane = g.row(1, 0) - g.row(0, 0);
    const M* corner = e + 2 * g.row(first[0], first[1]) + first[2];
    const T* from = r.data + (long long)b * L;
    T* to = z_.data + (long long)b * L;
    for (int x = 0; x < BX; ++x)
        for (int y = 0; y < BY; ++y, from += BZ, to += BZ) {
            const M* line = corner + 2 * (x * plane + y * g.width);
            Result value = M(0);                    // padding stays zero
            if (x < nx && y < ny && nz == BZ) __builtin_memcpy(&value, line, sizeof(M) * BZ);
            else if (x < nx && y < ny) __builtin_memcpy(&value, line, sizeof(M) * nz);
            Row own;
            __builtin_memcpy(&own, from, sizeof(T) * BZ);
            const Row result = __builtin_convertvector(value, Row);
            __builtin_memcpy(to, &result, sizeof(T) * BZ);
            sum[y % 2] += __builtin_convertvector(own, Terms) * __builtin_convertvector(value, Terms);
        }
}
for (int v = 0; v < BZ; ++v) rz[v % ACCUMULATORS] += sum[0][v] + sum[1][v];
#endif
const double total_rz = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total_rz;
