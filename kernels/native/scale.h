// z = r * weight (Jacobi: 1 / diagonal; identity: 1) and r.z per slot.
const T* __restrict__ from_r = r.data;
const T* __restrict__ from_weight = weight.data;
T* __restrict__ to_z = z_.data;
double rz[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    for (int l = lane * STRIP; l < L; l += lanes * STRIP) {
        const int i = b * L + l;
        T value[STRIP];
        for (int v = 0; v < STRIP; ++v) value[v] = from_r[i + v] * from_weight[i + v];
        for (int v = 0; v < STRIP; ++v) to_z[i + v] = value[v];
        for (int v = 0; v < STRIP; ++v) rz[v % ACCUMULATORS] += double(from_r[i + v]) * double(value[v]);
    }
}
const double total = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total;
