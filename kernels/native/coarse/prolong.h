// z = y + Phi y_coarse, and r.z per slot.
double rz[ACCUMULATORS] = {};
HP_SLOT(b, leaves) {
    const M* __restrict__ phi = basis.data + b * (R * L);
    for (int l = lane * STRIP; l < L; l += lanes * STRIP) {
        T value[STRIP];
        for (int v = 0; v < STRIP; ++v) value[v] = y_.data[b * L + l + v];
        for (int f = 0; f < R; ++f) {
            const T amount = T(y_coarse.data[b * R + f]);
            for (int v = 0; v < STRIP; ++v) value[v] += T(phi[f * L + l + v]) * amount;
        }
        for (int v = 0; v < STRIP; ++v) z_.data[b * L + l + v] = value[v];
        for (int v = 0; v < STRIP; ++v) rz[v % ACCUMULATORS] += double(r.data[b * L + l + v]) * double(value[v]);
    }
}
const double total = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total;
