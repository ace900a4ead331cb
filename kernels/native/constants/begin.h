// Before `cross`: clears `crosses` at the roots of regions in one leaf, and `closed` of the bricks.
const int b = slot;
if (lane == 0 && b < bricks) closed.data[b] = 0;
if (only.data[b] == -1) return;
HP_CELLS if (region.data[b * L + l] == b * L + l) crosses.data[b * L + l] = 0;
