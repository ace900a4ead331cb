// The levels of the multigrid hierarchy: where their numbers lie, and how their cells are visited.
//
// A level has X * Y * Z cells, row-major (2D: X = 1). The next coarser level keeps every second cell of the axes that
// are coarsened there: coarse cell I is the fine cell 2 I. A row has HZ ghost cells at both ends, a level one ghost row
// on every side. Ghosts of a wall hold zero. Along a periodic axis the ghost cells of a row hold what lies across the
// seam, and a row number outside the level is wrapped when it is read, so ghost rows are not needed there.
//
// The operator of a level is a sum over pairs of neighbours, (A x)_i = s_i x_i + sum_d c_id (x_i - x_(i+d)). Each pair
// is stored once, at the cell from which d points forward, and s is the coupling to open sides. So a region without
// open side has s = 0 exactly, on every level, and its constants stay in the null space whatever is rounded.
//
// `table` holds FIELDS numbers a level: X, Y, Z; flags: bit a: axis a (0: z) is periodic, bit 3 + a: coarsened to the
// next level, bit 6: there are open sides; where its numbers begin, in units of ALIGN. `numbers` holds its arrays one
// behind the other, all of them LEAD further on, so that the first cell of each row is aligned.
constexpr int FIELDS = 5, ALIGN = 16, HX = DIMS == 3 ? 1 : 0, HZ = 3, LEAD = ALIGN - HZ;
constexpr int OFFSETS = DIMS == 3 ? 27 : 9, HALF = OFFSETS / 2;                // cells of a 3^DIMS block; pairs of a cell
// S: s. D: the smoother's factor. Y: D times the right-hand side, the first sweep. X: the result (in the setup: what
// interpolation leaves of the constant 1). C: couplings c, HALF of them (the finest level has DIMS, and no W or B). W:
// interpolation to the cells around coarse cell I, [OFFSETS]. B: right-hand side.
constexpr int S = 0, D = 1, Y = 2, X = 3, C = 4, W = C + HALF, B = W + OFFSETS;
// The setup takes CHUNK cells of GROUP rows at a time. It always computes whole chunks, so that loops become vectors,
// and stores the cells that exist.
constexpr int CHUNK = LANES > 1 ? 1 : DIMS == 3 ? 16 : 32, GROUP = LANES > 1 ? 1 : 8;
// Two sweeps are Chebyshev's polynomial of degree 2 over [0.4, 2], where eigenvalues of A over its diagonal are if they are
// not small: factors FIRST and RATIO * FIRST of the diagonal's inverse. They leave 2 / 7 at most of any vector of these.
constexpr double ROOTS[2] = {1.2 + 0.8 * 0.70710678118654752, 1.2 - 0.8 * 0.70710678118654752};
constexpr double FIRST = 1.0 / ROOTS[0], RATIO = ROOTS[0] / ROOTS[1];

// An offset (x, y, z) in {-1, 0, 1}^DIMS as one number, forward ones above zero.
struct Offset {
    int x, y, z;
    HP_INLINE int code() const { return 9 * x + 3 * y + z; }
    HP_INLINE Offset back() const { return {-x, -y, -z}; }
    HP_INLINE int at(int axis) const { return axis == 0 ? z : axis == 1 ? y : x; }
    HP_INLINE int weight() const { return code() + HALF; }                     // its place in W
    // Place in C of a forward offset: those along an axis come first.
    HP_INLINE int coupling() const {
        const int c = code();
        return c == 1 ? 0 : c == 3 ? 1 : c == 9 ? 2 : DIMS + c - 2 - (c > 3) - (c > 9);
    }
};
auto offset_of = [](int code) -> Offset {                                      // from -HALF to HALF
    const int c = code + 13;
    return {c / 9 - 1, c / 3 % 3 - 1, c % 3 - 1};
};
auto forward_of = [&](int coupling) -> Offset {
    if (coupling < DIMS) return {coupling == 2, coupling == 1, coupling == 0};
    int c = 2 + coupling - DIMS;
    c += c > 2;
    c += c > 8;
    return offset_of(c);
};

struct Level {
    int x, y, z, flags, pitch;
    long long size;
    M* data;
    bool finest;
    HP_INLINE M* part(int role) const { return data + role * size; }
    HP_INLINE bool wraps(int axis) const { return flags >> axis & 1; }
    HP_INLINE int stride(int axis) const { return 1 + (flags >> (3 + axis) & 1); }
    HP_INLINE bool open() const { return flags >> 6 & 1; }
    HP_INLINE int couplings() const { return finest ? DIMS : HALF; }
    HP_INLINE int length(int axis) const { return axis == 0 ? z : axis == 1 ? y : x; }
    HP_INLINE int wrap(int p, int n, int axis) const {
        return wraps(axis) ? (p % n + n) % n : p;
    }
    HP_INLINE bool inside(int i, int j) const { return (wraps(2) || (i >= 0 && i < x)) && (wraps(1) || (j >= 0 && j < y)); }
    // First cell of row (i, j).
    HP_INLINE long long row(int i, int j) const {
        const int up = DIMS == 3 ? wrap(i, x, 2) : 0;
        return ((long long)(up + HX) * (y + 2) + wrap(j, y, 1) + 1) * pitch + HZ;
    }
    // p[z] is the coupling of cell (i, j, z) to the cell at offset d; the offset's coupling must be stored.
    HP_INLINE const M* to(int i, int j, const Offset& d) const {
        if (d.code() > 0) return part(C + d.coupling()) + row(i, j);
        return part(C + d.back().coupling()) + row(i + d.x, j + d.y) + d.z;
    }
    HP_INLINE bool stored(const Offset& d) const {
        return (d.code() > 0 ? d.coupling() : d.back().coupling()) < couplings();
    }
    // Fills the ghosts of a row of which cells z0 to z1 - 1 were written.
    HP_INLINE void seam(M* row, int z0, int z1) const {
        if (!wraps(0)) return;
        for (int t = 0; t < 2 * HZ; ++t) {
            const int ghost = t < HZ ? t - HZ : z + t - HZ, source = (ghost % z + z) % z;
            if (source >= z0 && source < z1) row[ghost] = row[source];
        }
    }
};
auto level_at = [&](int l) -> Level {
    const int* t = table.data + FIELDS * l;
    const int pitch = (t[2] + 2 * HZ + ALIGN - 1) / ALIGN * ALIGN;
    const long long size = (long long)(t[0] + 2 * HX) * (t[1] + 2) * pitch;
    return {t[0], t[1], t[2], t[3], pitch, size, numbers.data + (long long)ALIGN * t[4] + LEAD, l == 0};
};
// LINES(first, step, nx, ny, nz) { .. } visits lines (x, y), cells k0 to k1 - 1 of nz: whole lines on the CPU, one cell
// each lane on CUDA. EACH_LINE shares the lines of a level among all blocks, BLOCK_LINE those of a tile among a block's
// lanes.
#if defined(__CUDA_ARCH__)
#define HP_BY_LANE                                                             // cell by cell; a test defines it on the CPU too
#define LINES(first, step, nx, ny, nz)                                                                                \
    for (long long t_ = (first) * LANES + lane; t_ < (long long)(nx) * (ny) * (nz); t_ += (step) * LANES)             \
        for (int k0 = (int)(t_ % (nz)), k1 = k0 + 1, y = (int)(t_ / (nz) % (ny)), x = (int)(t_ / (nz) / (ny)), o_ = 1; o_; o_ = 0)
#define BLOCK_LINE(nx, ny, nz) LINES(0, 1, nx, ny, nz)
#else
#define LINES(first, step, nx, ny, nz)                                                                                \
    for (int t_ = (nz) > 0 ? (first) : (nx) * (ny); t_ < (nx) * (ny); t_ += (step))                                   \
        for (int k0 = 0, k1 = (nz), y = t_ % (ny), x = t_ / (ny), o_ = 1; o_; o_ = 0)
#define BLOCK_LINE(nx, ny, nz)                                                                                        \
    for (int x = 0; x < (nx); ++x)                                                                                    \
        for (int y = 0; y < (ny); ++y)                                                                                \
            for (int k0 = 0, k1 = (nz), o_ = (nz) > 0; o_; o_ = 0)
#endif
#define EACH_LINE(nx, ny, nz) LINES(slot, slots, nx, ny, nz)
auto put_every = [=](const M* from, M* to, int stride, int count) {
    int k = 0;
    for (; stride == 2 && k + WIDE <= count; k += WIDE) put_evens(neighbours(from + k), to + 2 * k);
    for (; k < count; ++k) to[stride * k] = from[k];
};
// Reads a group of rows, every `stride`-th number of each; a row begins `pitch` numbers behind the one before.
auto take = [=](const M* from, long long pitch, int stride, int rows, M (&to)[GROUP][CHUNK]) {
    for (int j = 0; j < rows; ++j) {
        const M* row = from + j * pitch;
        if (stride == 2)
            for (int k = 0; k < CHUNK; k += WIDE) put(evens(row + 2 * k), to[j] + k, WIDE);
        else HP_VECTOR for (int k = 0; k < CHUNK; ++k) to[j][k] = row[k];
    }
};
// Rows 0 to n - 1 in groups. If `alone`, the first and the last row are groups of one: they lie beside the seam of a
// periodic axis, and the rows across it are elsewhere in memory.
struct Groups {
    int n;
    bool alone;
    HP_INLINE bool single() const { return GROUP == 1 || (alone && n < 3); }
    HP_INLINE int count() const { return single() ? n : alone ? 2 + (n - 2 + GROUP - 1) / GROUP : (n + GROUP - 1) / GROUP; }
    HP_INLINE int first(int group) const {
        if (single()) return group;
        if (!alone) return group * GROUP;
        return group == 0 ? 0 : 1 + (group - 1) * GROUP < n - 1 ? 1 + (group - 1) * GROUP : n - 1;
    }
    HP_INLINE int rows(int group) const {
        return GROUP == 1 ? 1 : (group + 1 < count() ? first(group + 1) : n) - first(group);
    }
};
auto chunk = [](int cells) -> int { return CHUNK == 1 ? 1 : cells < CHUNK ? cells : CHUNK; };
(void)level_at; (void)take; (void)put_every; (void)chunk; (void)offset_of; (void)forward_of;
