// Prelude of every native body: a block of lanes. See kernels/native.py.
// HP_CELLS { ... } visits the cells of a brick (l, and x, y, z), HP_MEMBERS { ... } the W leaves of a group, one each
// lane on CUDA, innermost (vectorised) on the CPU; what each of them keeps is entry HP_OWN of a local array [HP_PRIVATE].
// HP_ALL(t, count) { ... } visits item t, of count, of every member w of a group, all of them independent: lane by lane on CUDA, w
// innermost (vectorised) on the CPU, outermost in HP_ALL_STRIDED, for bodies that jump through memory.
// HP_SHARE(t, begin, count) { ... } gives item t of `count` to lane
// begin + t, so that several short loops run side by side on CUDA; what each item keeps is entry HP_ITEM(t) of a local
// array [HP_ITEMS(count)]. STRIP cells at a time make a vector on the CPU; so does
// HP_ROWS { ... }, which visits a brick by rows of HP_ROW_LENGTH cells beginning at (x, y, z), cell l. HP_EACH before
// a loop over such a row: a vector in spite of its conditions. HP_STRIDED before a loop that jumps through memory: no
// vectors, their gathers and scatters are slower.
#if defined(__CUDA_ARCH__)
#define HP_SHARED __shared__
#define HP_INLINE __device__ __forceinline__
#define HP_SYNC __syncthreads()
#define HP_CELLS                                                                                                   \
    for (int l = lane; l < L; l += lanes)                                                                          \
        for (int z = l % BZ, y = l / BZ % BY, x = l / (BZ * BY), once_ = 1; once_; once_ = 0)
#define HP_MEMBERS if (lane < W) for (int w = lane, once_ = 1; once_; once_ = 0)
#define HP_ALL(t, count)                                                                                           \
    for (int pair_ = lane; pair_ < (count) * W; pair_ += lanes)                                                    \
        for (int t = pair_ / W, w = pair_ % W, once_ = 1; once_; once_ = 0)
#define HP_ALL_STRIDED HP_ALL
#define HP_PRIVATE 1
#define HP_OWN 0
#define HP_SHARE(t, begin, count) if (const int t = lane - (begin); t >= 0 && t < (count))
#define HP_ITEMS(count) 1
#define HP_ITEM(t) 0
#define HP_STRIDED
#define HP_ROWS HP_CELLS
#define HP_ROW_LENGTH 1
#define HP_EACH
constexpr int STRIP = 1;
constexpr int LANES = 256;                          // kernels.native.BLOCK
const int lane = threadIdx.x;
constexpr int lanes = LANES;
constexpr int ACCUMULATORS = 1;
#else
#define HP_SHARED
#define HP_INLINE inline __attribute__((always_inline))
#define HP_SYNC
#define HP_CELLS                                                                                                   \
    for (int x = 0; x < BX; ++x)                                                                                   \
        for (int y = 0; y < BY; ++y)                                                                               \
            for (int z = 0, l = (x * BY + y) * BZ; z < BZ; ++z, ++l)
#define HP_MEMBERS for (int w = 0; w < W; ++w)
#define HP_ALL(t, count)                                                                                           \
    for (int t = 0; t < (count); ++t)                                                                              \
        _Pragma("clang loop vectorize(assume_safety)")                                                             \
        for (int w = 0; w < W; ++w)
#define HP_ALL_STRIDED(t, count)                                                                                   \
    for (int w = 0; w < W; ++w)                                                                                    \
        HP_STRIDED                                                                                                 \
        for (int t = 0; t < (count); ++t)
#define HP_PRIVATE W
#define HP_OWN w
#define HP_SHARE(t, begin, count) for (int t = 0; t < (count); ++t)
#define HP_ITEMS(count) (count)
#define HP_ITEM(t) t
#define HP_STRIDED _Pragma("clang loop vectorize(disable)")
#define HP_ROWS                                                                                                    \
    for (int x = 0; x < BX; ++x)                                                                                   \
        HP_STRIDED                                                                                                 \
        for (int y = 0; y < BY; ++y)                                                                               \
            for (int z = 0, l = (x * BY + y) * BZ; z < BZ; z += HP_ROW_LENGTH, l += HP_ROW_LENGTH)
#define HP_EACH _Pragma("clang loop unroll(disable)")
#define HP_ROW_LENGTH (BZ < 8 ? BZ : 8)
constexpr int STRIP = 16;
constexpr int LANES = 1;
constexpr int lane = 0, lanes = 1;
constexpr int ACCUMULATORS = 8;                     // independent sums, so that a serial loop vectorises
#endif
HP_SHARED double block_scratch[LANES];
// Sum of one value per lane, in a fixed order, known to every lane.
auto block_sum = [&](double value) -> double {
#if defined(__CUDA_ARCH__)
    block_scratch[lane] = value;
    HP_SYNC;
    for (int half = lanes / 2; half > 0; half /= 2) {
        if (lane < half) block_scratch[lane] += block_scratch[lane + half];
        HP_SYNC;
    }
    const double total = block_scratch[0];
    HP_SYNC;
    return total;
#else
    return value;
#endif
};
// Sum of an array, in a fixed order, known to every lane.
auto array_sum = [&](const double* values, int n) -> double {
    double sum = 0.0;
    for (int i = lane; i < n; i += lanes) sum += values[i];
    return block_sum(sum);
};
auto lane_sum = [&](const double (&accumulator)[ACCUMULATORS]) -> double {
    double sum = 0.0;
    for (int a = 0; a < ACCUMULATORS; ++a) sum += accumulator[a];
    return sum;
};
(void)block_scratch; (void)block_sum; (void)array_sum; (void)lane_sum;
