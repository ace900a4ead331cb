// Marks the bricks that enclose a singular region. Pockets do not count: the leaf's own matrix has them pinned.
const int b = slot;
if (only.data[b] == -1) return;
HP_CELLS {
    const int i = b * L + l;
    if (region.data[i] == i && pieces.data[i] && !crosses.data[i]) closed.data[brick_of.data[b]] = 1;
}
