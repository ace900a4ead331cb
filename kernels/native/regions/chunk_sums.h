// chunk_sum[c] = sum of vector - shift over chunk c; shift is the region's first value. One chunk a block.
const int g = region.data[cells.data[start.data[slot]]];
const double shift = vector.data[cells.data[start.data[first.data[g]]]];
const int end = start.data[slot + 1];
double sums[ACCUMULATORS] = {};
for (int k = start.data[slot] + lane; k < end; k += ACCUMULATORS * lanes)
    for (int a = 0; a < ACCUMULATORS; ++a)
        if (k + a * lanes < end) sums[a] += vector.data[cells.data[k + a * lanes]] - shift;
const double total = block_sum(lane_sum(sums));
if (lane == 0) chunk_sum.data[slot] = total;
