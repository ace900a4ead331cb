// z = y + Phi y_coarse, and r.z per slot.
double rz[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    const M* __restrict__ phi = basis.data + b * (R * L);
    HP_CELLS {
        const int i = b * L + l;
        M sum = y_.data[i];
        for (int f = 0; f < R; ++f) sum += phi[f * L + l] * y_coarse.data[b * R + f];
        const T value = T(sum);
        z_.data[i] = value;
        rz[z % ACCUMULATORS] += double(r.data[i]) * double(value);
    }
}
const double total = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total;
