// z = the finest level's result in brick order, and r.z per slot.
const Level g = level_at(0);
const M* result = g.part(X);
double rz[ACCUMULATORS] = {};
BRICK_LINES(b) {
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b;
    const bool outside = x >= u[0] || y >= u[1];
    const int line = (x * BY + y) * BZ, end = outside ? k0 : k1 < u[2] ? k1 : u[2];
    const M* from = result + g.row(first[0] + x, first[1] + y) + first[2];
    const T* r_line = r.data + (long long)b * L + line;
    T* to = z_.data + (long long)b * L + line;
    if (end - k0 == BZ) {
        HP_ROLLED for (int k = 0; k < BZ; ++k) to[k] = T(from[k]);
        HP_ROLLED for (int k = 0; k < BZ; ++k) rz[k % ACCUMULATORS] += double(r_line[k]) * double(from[k]);
    } else {
        for (int k = k0; k < end; ++k) {
            to[k] = T(from[k]);
            rz[k % ACCUMULATORS] += double(r_line[k]) * double(from[k]);
        }
        for (int k = end < k0 ? k0 : end; k < k1; ++k) to[k] = T(0);            // padding
    }
}
const double total_rz = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total_rz;
