// z = r * weight (Jacobi: 1 / diagonal; identity: 1) and r.z per slot.
const T* __restrict__ from_r = r.data;
const T* __restrict__ from_weight = weight.data;
T* __restrict__ to_z = z_.data;
double rz[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    HP_CELLS {
        const int i = b * L + l;
        const T value = from_r[i] * from_weight[i];
        to_z[i] = value;
        rz[z % ACCUMULATORS] += double(from_r[i]) * double(value);
    }
}
const double total = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total;
