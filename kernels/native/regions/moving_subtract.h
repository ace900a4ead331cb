// vector -= mean of its singular region, kept at the root; nothing where quantum is 0.
const double quantum = quantum_of(array_max(spread_slots.data, slots));
for (int b = slot; b < leaves; b += slots) {
    if (only.data[b] == -1 || quantum == 0.0) continue;
    HP_CELLS {
        const int i = b * L + l, root = region.data[i];
        if (root < 0) continue;
        const double rest = double(sum.data[root]) / quantum / size.data[root];
        vector.data[i] = (vector.data[i] - shift.data[root]) - rest;
        if (root == i) mean.data[i] = shift.data[root] + rest;
    }
}
