// The levels of a geometric multigrid: where their numbers are, and how cells are visited.
//
// A level has X * Y * Z cells (2D: X = 1), coloured red (x + y + z even) and black. The cells of a row are kept colour by
// colour: cell z is number z / 2 of its colour, so in row (x, y) with q = (x + y) % 2 a red cell k is at z = 2 k + q and has
// the black cells k + q - 1 and k + q beside it, and k in the rows across. A coarse cell Z has the one red child Z in each of
// its child rows. So every loop along a row has stride one. Rows have a ghost cell at both ends (z = -1 and Z), levels a
// ghost row on every side; ghosts hold zero, or what lies across a periodic seam. Along a periodic axis of odd length
// that is a cell of the same colour.
//
// `table` holds a row for each level: X, Y, Z, the periodic axes (bits 0: z, 1: y, 2: x), first number. `numbers` holds all
// arrays of all levels, [ROLES, total]; "plain" ones take two roles and are in natural order, cell z at 2 * row + z.
constexpr int HX = DIMS == 3 ? 1 : 0;
constexpr int C = 0, INVERSE = C + 2 * DIMS, WEIGHT = INVERSE + 2, R = WEIGHT + DIMS, X = R + 2, Y = X + 2,
              OWN = Y + 1, SHARE = OWN + 1, E = SHARE + DIMS, FACES = E + 2;
// C: conductance of a red cell's faces, by direction. INVERSE: 1 / diagonal, red, black. WEIGHT: share of the coarse
// cell across axis a in a red cell. R: right-hand side. X: iterate before, Y (black) and E (plain) after the coarse correction.
// OWN, SHARE: red residuals as the parent and the coarse cell across axis a get them. FACES: plain, for each axis the face
// between a cell and the one before it.
struct Level {
    int x, y, z, half, width, wraps;
    long long start, total;
    M* data;
    HP_INLINE M* part(int role) const { return data + role * total + start; }
    HP_INLINE M* plain(int role) const { return data + role * total + 2 * start; }
    HP_INLINE int row(int i, int j) const { return ((i + HX) * (y + 2) + j + 1) * width + 1; }
    HP_INLINE int cells(int q) const { return (z + 1 - q) / 2; }              // of the colour at z = 2 k + q
    // The coarse or fine row that position p along an axis of n stands for, as a position: itself, or across the seam.
    HP_INLINE int wrap(int p, int n, int axis) const {
        return (wraps >> axis & 1) && p < 0 ? n - 1 : (wraps >> axis & 1) && p >= n ? 0 : p;
    }
    // Row (i, j) + step along the axis in `other`, the array of the other colour; at a seam of odd length in `own`.
    HP_INLINE const M* across(const M* other, const M* own, int i, int j, int axis, int step) const {
        const int n = axis == 1 ? y : x, p = (axis == 1 ? j : i) + step, odd = n & 1;
        const int to = own || !odd ? wrap(p, n, axis) : p;
        return (to != p && odd ? own : other) + (axis == 1 ? row(i, to) : row(to, j));
    }
    // Fills the ghosts of a row of one colour (z = 2 k + q), cells k0 to k1 of which were written. `other` is the other colour.
    HP_INLINE void seam(M* a, const M* other, int q, int k0, int k1) const {
        if (!(wraps & 1)) return;
        if (z % 2 == 0) {
            if (q == 0 && k0 == 0) a[z / 2] = a[0];
            if (q == 1 && k1 >= z / 2) a[-1] = a[z / 2 - 1];
        } else if (q == 1 && k0 == 0) {
            a[-1] = other ? other[z / 2] : M(0);
            a[z / 2] = other ? other[0] : M(0);
        }
    }
};
auto level_at = [&](int l) -> Level {
    const int* t = table.data + 5 * l;
    const int half = (t[2] + 1) / 2;
    return {t[0], t[1], t[2], half, half + 2, t[3], t[4], total, numbers.data};
};
// EACH_LINE(nx, ny, nz) { ... } visits lines (x, y), numbers k0 to k1 - 1 of nz: all on the CPU, one each lane on CUDA.
// EACH_ROW(g) { ... } the rows of level g, cells of either colour. HP_VECTOR: the loop's turns do not depend on each other.
#if defined(__CUDA_ARCH__)
#define EACH_LINE(nx, ny, nz)                                                                                      \
    for (int t_ = slot * lanes + lane; t_ < (nx) * (ny) * (nz); t_ += slots * lanes)                              \
        for (int k0 = t_ % (nz), k1 = k0 + 1, y = t_ / (nz) % (ny), x = t_ / (nz) / (ny), o_ = 1; o_; o_ = 0)
#define HP_VECTOR
#else
#define EACH_LINE(nx, ny, nz)                                                                                      \
    for (int t_ = slot; t_ < (nx) * (ny); t_ += slots)                                                            \
        for (int k0 = 0, k1 = (nz), y = t_ % (ny), x = t_ / (ny), o_ = 1; o_; o_ = 0)
#define HP_VECTOR _Pragma("clang loop vectorize(assume_safety)")
#endif
#define EACH_ROW(g) EACH_LINE(g.x, g.y, g.half)
(void)level_at;
