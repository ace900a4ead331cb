// touched[window] = 1 where a window holds a cell of a changed leaf; else 0. One window a block.
double differing = 0.0;
for (int l = lane; l < L; l += lanes) {
    const int c = cells.data[slot * L + l];
    if (c >= 0 && changed.data[c / LEAF]) differing = 1.0;
}
const double total = block_sum(differing);
if (lane == 0) touched.data[slot] = total > 0.0 ? 1 : 0;
