// Prelude of every native body: a block of cooperating lanes. One source serves both devices:
//
//                    CUDA: a block of 256 threads                     CPU: one lane, loops that become vectors
//   lane, lanes      threadIdx.x, 256                                 0, 1
//   HP_SHARED        __shared__                                       (a local array)
//   HP_SYNC          __syncthreads()                                  (nothing)
//   HP_WARP_SYNC     __syncwarp(), of the 32 lanes of a warp          (nothing)
//   HP_CELLS         cell lane, lane + 256, .. of the brick           three nested loops over x, y, z
//   HP_ROWS          the same: a row is one cell long                 the same loops, z in steps of 8 cells
//   HP_PER_LANE      item t belongs to lane begin + t                 a loop over all items
//   HP_SLOT          items of this block, one after the other         the same
//   HP_SLOT_LANES    the same, item first + lane, + 256, ..           the same
//
// So a body is written once, as loops over cells or items, with HP_SYNC between two loops if the second reads what
// other lanes wrote in the first.
#if defined(__CUDA_ARCH__)

// Memory that all lanes of the block share.
#define HP_SHARED __shared__
// All lanes arrive here before one goes on: what was written before may be read after.
#define HP_SYNC __syncthreads()
// The same for the lanes of a warp, where no other lane takes part. All lanes of the block arrive here as often.
#define HP_WARP_SYNC __syncwarp()
// Before a function that must be inlined.
#define HP_INLINE __device__ __forceinline__
// HP_CELLS { .. } visits the cells of a brick: number l, coordinates x, y, z.
#define HP_CELLS                                                                                                   \
    for (int l = lane; l < L; l += lanes)                                                                          \
        for (int z = l % BZ, y = l / BZ % BY, x = l / (BZ * BY), once_ = 1; once_; once_ = 0)
// HP_ROWS { .. } visits the brick by pieces of rows, HP_ROW_LENGTH cells beginning with cell l at (x, y, z).
#define HP_ROWS HP_CELLS
#define HP_ROW_LENGTH 1
// HP_PER_LANE(t, begin, count) { .. } gives item t of `count` to lane begin + t. What the body keeps of an item, from one
// such loop to the next, is entry HP_MINE(t) of a local array [HP_PRIVATE(count)]: on CUDA a register of the item's lane.
#define HP_PER_LANE(t, begin, count) if (const int t = lane - (begin); t >= 0 && t < (count))
#define HP_PRIVATE(count) 1
#define HP_MINE(t) 0
// Before a loop that jumps through memory: no vectors, their gathers and scatters are slower.
#define HP_SCALAR
// Before a loop of known length around others: unrolled, it would be compiled for long, and run no faster.
#define HP_OUTER _Pragma("unroll 1")
// Before such a loop whose number is an index of local arrays: unrolled on CUDA, where they are registers then.
#define HP_INDEX _Pragma("unroll")
// First in a block: a product and a sum in one statement are one operation, as CUDA's compiler makes them.
#define HP_CONTRACT
// Before a loop whose turns do not depend on each other: they become vectors. HP_ROLLED: the same for a short loop of known
// length, which would otherwise be unrolled before that.
#define HP_VECTOR
#define HP_ROLLED
constexpr int LANES = 256;                          // kernels.building.BLOCK
constexpr int STRIP = 1;                            // cells that a loop over a leaf takes at a time
constexpr int ACCUMULATORS = 1;                     // partial sums of a lane
const int lane = threadIdx.x;
constexpr int lanes = LANES;

#else

#define HP_SHARED
#define HP_SYNC
#define HP_WARP_SYNC
#define HP_INLINE inline __attribute__((always_inline))
#define HP_CELLS                                                                                                   \
    for (int x = 0; x < BX; ++x)                                                                                   \
        for (int y = 0; y < BY; ++y)                                                                               \
            for (int z = 0, l = (x * BY + y) * BZ; z < BZ; ++z, ++l)
#define HP_ROWS                                                                                                    \
    for (int x = 0; x < BX; ++x)                                                                                   \
        HP_SCALAR                                                                                                  \
        for (int y = 0; y < BY; ++y)                                                                               \
            for (int z = 0, l = (x * BY + y) * BZ; z < BZ; z += HP_ROW_LENGTH, l += HP_ROW_LENGTH)
#define HP_ROW_LENGTH (BZ < 8 ? BZ : 8)
#define HP_PER_LANE(t, begin, count) for (int t = 0; t < (count); ++t)
#define HP_PRIVATE(count) (count)
#define HP_MINE(t) t
#define HP_SCALAR _Pragma("clang loop vectorize(disable)")
#define HP_OUTER _Pragma("clang loop unroll(disable)")
#define HP_INDEX HP_OUTER
#define HP_CONTRACT _Pragma("clang fp contract(on)")
#define HP_VECTOR _Pragma("clang loop vectorize(assume_safety)")
#define HP_ROLLED _Pragma("clang loop vectorize(assume_safety) unroll(disable)")
constexpr int LANES = 1;
constexpr int STRIP = 16;
constexpr int ACCUMULATORS = 8;                     // independent sums, so that a serial loop becomes a vector
constexpr int lane = 0, lanes = 1;

#endif
// Block `slot` of `slots` has the items share_of(slot) to share_of(slot + 1) - 1 of `count` items. HP_SLOT(i, count)
// { .. } visits them one by one with all lanes together, HP_SLOT_LANES(i, count) { .. } gives each to one lane.
#define share_of(which, count) (int)((long long)(which) * (count) / slots)
#define HP_SLOT(i, count) for (int i = share_of(slot, count), end_##i = share_of(slot + 1, count); i < end_##i; ++i)
#define HP_SLOT_LANES(i, count)                                                                                    \
    for (int i = share_of(slot, count) + lane, end_##i = share_of(slot + 1, count); i < end_##i; i += lanes)
constexpr int WARP = 32, WARPS = LANES > WARP ? LANES / WARP : 1;
HP_SHARED double block_scratch[WARPS];
// op over one value per lane, in a fixed order, known to every lane.
auto block_reduce = [&](double value, auto op) -> double {
#if defined(__CUDA_ARCH__)
    for (int half = WARP / 2; half > 0; half /= 2) value = op(value, __shfl_down_sync(0xffffffffu, value, half));
    if (lane % WARP == 0) block_scratch[lane / WARP] = value;
    HP_SYNC;                                        // a lane of each warp wrote its result; every lane combines them
    value = block_scratch[0];
    for (int w = 1; w < WARPS; ++w) value = op(value, block_scratch[w]);
    HP_SYNC;                                        // all have read the results; the next ones may overwrite them
#endif
    return value;
};
auto block_sum = [&](double value) -> double { return block_reduce(value, [](double a, double b) { return a + b; }); };
// Sum of an array, in a fixed order, known to every lane.
auto array_sum = [&](const double* values, int n) -> double {
    double sum = 0.0;
    for (int i = lane; i < n; i += lanes) sum += values[i];
    return block_sum(sum);
};
// Sum of a lane's own partial sums.
auto lane_sum = [&](const double (&accumulator)[ACCUMULATORS]) -> double {
    double sum = 0.0;
    for (int a = 0; a < ACCUMULATORS; ++a) sum += accumulator[a];
    return sum;
};
(void)block_scratch; (void)block_reduce; (void)block_sum; (void)array_sum; (void)lane_sum;
