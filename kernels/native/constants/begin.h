// Before `cross`: no root of a region in this leaf is known to cross a brick, no brick to enclose one.
const int b = slot;
if (lane == 0 && b < bricks) closed.data[b] = 0;
if (only.data[b] == -1) return;
HP_CELLS if (region.data[b * L + l] == b * L + l) crosses.data[b * L + l] = 0;
