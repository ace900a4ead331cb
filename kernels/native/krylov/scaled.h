// What krylov/advance.h and krylov/scale.h do with a strip of residuals: z = r * weight, and r.z per slot.
const T* __restrict__ from_weight = weight.data;
T* __restrict__ to_z = z_.data;
double strips_rz[ACCUMULATORS] = {};
auto take_strip = [&](int i, const T (&residual)[STRIP]) {
    T value[STRIP];
    for (int v = 0; v < STRIP; ++v) value[v] = residual[v] * from_weight[i + v];
    for (int v = 0; v < STRIP; ++v) to_z[i + v] = value[v];
    for (int v = 0; v < STRIP; ++v) strips_rz[v % ACCUMULATORS] += double(residual[v]) * double(value[v]);
};
auto finish_strips = [&] {
    const double total = block_sum(lane_sum(strips_rz));
    if (lane == 0) rz_slots.data[slot] = total;
};
