// Prepares sums over moving regions: each root's shift is its value, its sum 0. Per slot, finds the largest difference
// of a cell from its root, UNUSABLE if a value is not finite.
double largest = 0.0;
HP_SLOT(b, leaves) {
    if (only.data[b] == -1) continue;
    HP_CELLS {
        const int i = b * L + l, root = region.data[i];
        if (root < 0) continue;
        double far = fabs(vector.data[i] - vector.data[root]);
        far = far < UNUSABLE ? far : UNUSABLE;
        largest = far > largest ? far : largest;
        if (root == i) shift.data[i] = vector.data[i], sum.data[i] = 0;
    }
}
const double most = block_largest(largest);
if (lane == 0) spread_slots.data[slot] = most;
