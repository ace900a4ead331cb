// vector -= mean of its singular region; the root keeps the mean. Changes nothing if quantum is 0 (regions/quantum.h).
const double quantum = quantum_of(array_max(spread_slots.data, slots));
auto rest_of = [&](int root) { return double(sum.data[root]) / quantum / size.data[root]; };
HP_SLOT(b, leaves) {
    const int single = only.data[b];
    if (single == -1 || quantum == 0.0) continue;
    const int* __restrict__ here = region.data + b * L;
    double* __restrict__ to = vector.data + b * L;
    if (single >= 0) {
        const double from = shift.data[single], rest = rest_of(single);
        HP_CELLS to[l] = here[l] == single ? (to[l] - from) - rest : to[l];
    } else {
        HP_CELLS if (here[l] >= 0) to[l] = (to[l] - shift.data[here[l]]) - rest_of(here[l]);
    }
    HP_CELLS if (here[l] == b * L + l) mean.data[here[l]] = shift.data[here[l]] + rest_of(here[l]);
}
