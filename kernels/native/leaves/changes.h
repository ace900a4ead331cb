// changed[leaf] = 1 if a leaf's rows of A differ from those seen last, else 0; they replace these. One leaf a block.
const int n = leaves * L;
double differing[ACCUMULATORS] = {};
HP_CELLS {
    const int i = slot * L + l;
    for (int d = 0; d <= DIRECTIONS; ++d) {
        const double value = d < DIRECTIONS ? conductance.data[d * n + i] : diagonal.data[i];
        differing[z % ACCUMULATORS] += value != seen.data[d * n + i] ? 1.0 : 0.0;
        seen.data[d * n + i] = value;
    }
}
const double total = block_sum(lane_sum(differing));
if (lane == 0) changed.data[slot] = total > 0.0 ? 1 : 0;
