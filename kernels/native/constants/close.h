// Marks the bricks that enclose a singular region, but for pockets, whose leaves' own matrices are mended.
const int b = slot;
if (only.data[b] == -1) return;
HP_CELLS {
    const int i = b * L + l;
    if (region.data[i] == i && pieces.data[i] && !crosses.data[i]) closed.data[brick_of.data[b]] = 1;
}
