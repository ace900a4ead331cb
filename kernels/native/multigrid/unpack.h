// z = the finest level's result in brick order, and r.z per slot.
const Level g = level_at(0);
const M* result = g.part(X);
double rz[ACCUMULATORS] = {};
HP_SLOT(b, leaves) {
    const int* first = origin.data + 3 * b;
    const int* u = used.data + 3 * b;
    const long long begin = (long long)b * L;
    if (u[0] < BX || u[1] < BY || u[2] < BZ) {                                 // padding
        for (int l = lane; l < L; l += lanes) z_.data[begin + l] = T(0);
        HP_SYNC;                                                               // zeros: written, some are overwritten
    }
    BLOCK_LINE(u[0], u[1], u[2]) {
        const int line = (x * BY + y) * BZ;
        const M* from = result + g.row(first[0] + x, first[1] + y) + first[2];
        const T* r_line = r.data + begin + line;
        T* to = z_.data + begin + line;
        if (k1 - k0 == BZ) {
            HP_ROLLED for (int k = 0; k < BZ; ++k) to[k] = T(from[k]);
            HP_ROLLED for (int k = 0; k < BZ; ++k) rz[k % ACCUMULATORS] += double(r_line[k]) * double(from[k]);
        } else {
            for (int k = k0; k < k1; ++k) {
                to[k] = T(from[k]);
                rz[k % ACCUMULATORS] += double(r_line[k]) * double(from[k]);
            }
        }
    }
}
const double total_rz = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total_rz;
