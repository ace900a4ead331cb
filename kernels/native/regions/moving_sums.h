// Adds one leaf's part to the sums of its singular regions.
const int b = slot, single = only.data[b];
const double quantum = quantum_of(array_max(spread_slots.data, slots));
if (single == -1 || quantum == 0.0) return;
if (single >= 0) {
    const double from = shift.data[single];
    double sums[ACCUMULATORS] = {};
    HP_CELLS sums[z % ACCUMULATORS] += region.data[b * L + l] == single ? vector.data[b * L + l] - from : 0.0;
    const double total = block_sum(lane_sum(sums));
    if (lane == 0) add_to(reinterpret_cast<long long*>(sum.data) + single, static_cast<long long>(rint(total * quantum)));
} else {
    HP_CELLS {
        const int root = region.data[b * L + l];
        if (root >= 0) add_to(reinterpret_cast<long long*>(sum.data) + root, static_cast<long long>(rint((vector.data[b * L + l] - shift.data[root]) * quantum)));
    }
}
