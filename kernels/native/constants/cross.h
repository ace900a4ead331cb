// Marks, at their roots, the singular regions in one leaf whose root lies in another brick.
const int b = slot, single = only.data[b], mine = brick_of.data[b];
if (single == -1) return;
if (single >= 0) {
    if (lane == 0 && brick_of.data[single / L] != mine) crosses.data[single] = 1;
    return;
}
HP_CELLS {
    const int root = region.data[b * L + l];
    if (root >= 0 && brick_of.data[root / L] != mine) crosses.data[root] = 1;
}
