// chunk_sum[c] = sum of vector - shift over chunk c; shift is the region's first value. One chunk a block.
const int g = region.data[cells.data[start.data[slot]]];
const double shift = vector.data[cells.data[start.data[first.data[g]]]];
const int end = start.data[slot + 1];
double sums[ACCUMULATORS] = {};
int k = start.data[slot] + lane;
#if !defined(__CUDA_ARCH__)
const int before = cells.data[k] - k;               // cells grow along a chunk: if the last fits too, all are neighbours
if (cells.data[end - 1] - (end - 1) == before)
    for (const double* from = vector.data + before; k + ACCUMULATORS <= end; k += ACCUMULATORS)
        for (int a = 0; a < ACCUMULATORS; ++a) sums[a] += from[k + a] - shift;
#endif
for (; k < end; k += ACCUMULATORS * lanes)
    for (int a = 0; a < ACCUMULATORS; ++a)
        if (k + a * lanes < end) sums[a] += vector.data[cells.data[k + a * lanes]] - shift;
const double total = block_sum(lane_sum(sums));
if (lane == 0) chunk_sum.data[slot] = total;
