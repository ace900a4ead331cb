// The levels of a geometric multigrid in 3D: where their numbers are, and how cells are visited.
//
// A level has X * Y * Z cells, coloured red (x + y + z even) and black. The cells of a row are kept colour
// by colour: cell z is number z / 2 of its colour, so in row (x, y) with q = (x + y) % 2 a red cell k is at z = 2 k + q
// and has the black cells k + q - 1 and k + q beside it, and in the rows beside its own the black cells k. A coarse
// cell Z has one red child, Z, in each of its child rows. So every loop along a row has stride one. Rows have a ghost
// cell at both ends (z = -1 and Z), levels a ghost row on every side; ghosts hold zero, but at the ends of a periodic
// row what lies across the seam.
//
// A periodic axis of odd length would join cells of one colour. It gets a layer of extra cells in the middle of its
// seam: with twice the seam's conductance on both sides and no right-hand side they do not alter other cells' values.
//
// `table` holds a row for each level: X, Y, Z with extra cells, flags (bits 0 to 2: axis z, y, x is periodic, 3 to 5:
// it has extra cells), first number. `numbers` holds all arrays of all levels, [ROLES, total]; "plain" ones take two
// roles and are in natural order, cell z at 2 * row + z.
constexpr int C = 0, INVERSE = C + 6, WEIGHT = INVERSE + 2, R = WEIGHT + 3, X = R + 2, Z = X + 1,
              Y = Z + 1, OWN = Y + 1, SHARE = OWN + 1, E = SHARE + 3, FACES = E + 2, LEAK = FACES + 6;
// C: conductance of a red cell's faces, by direction. INVERSE: 1 / diagonal, red, black. WEIGHT: share of the coarse
// cell across axis a in a red cell. R: right-hand side. X: red cells of the iterate. Y: its black cells, Z:
// those of the last half-sweep before the coarse correction. E: the result, plain. OWN, SHARE: parts of red residuals for the parent and for
// the coarse cell across axis a. FACES: plain, for each axis the face between a cell and the one before it. LEAK (if
// SURFACE): plain, to p = 0.
struct Level {
    int x, y, z, half, width, flags;
    long long start, total;
    M* data;
    HP_INLINE M* part(int role) const { return data + role * total + start; }
    HP_INLINE M* plain(int role) const { return data + role * total + 2 * start; }
    HP_INLINE int row(int i, int j) const { return ((i + 1) * (y + 2) + j + 1) * width + 1; }
    HP_INLINE int cells(int q) const { return (z + 1 - q) / 2; }              // of the colour at z = 2 k + q
    HP_INLINE bool wraps(int axis) const { return flags >> axis & 1; }
    HP_INLINE int extra(int axis) const { return flags >> (3 + axis) & 1; }
    // Position p along an axis of n cells: itself, or across the seam.
    HP_INLINE int wrap(int p, int n, int axis) const { return !wraps(axis) ? p : p < 0 ? n - 1 : p >= n ? 0 : p; }
    HP_INLINE int beside_y(int i, int j) const { return row(i, wrap(j, y, 1)); }
    HP_INLINE int beside_x(int i, int j) const { return row(wrap(i, x, 2), j); }
    // Fills the ghosts of a row of one colour (z = 2 k + q), cells k0 to k1 of which were written.
    HP_INLINE void seam(M* a, int q, int k0, int k1) const {
        if (wraps(0) && q == 0 && k0 == 0) a[half] = a[0];
        if (wraps(0) && q == 1 && k1 >= half) a[-1] = a[half - 1];
    }
};
auto level_at = [&](int l) -> Level {
    const int* t = table.data + 5 * l;
    const int half = (t[2] + 1) / 2;
    return {t[0], t[1], t[2], half, half + 2, t[3], t[4], total, numbers.data};
};
// EACH_LINE(nx, ny, nz) { ... } visits lines (x, y), numbers k0 to k1 - 1 of nz: all on the CPU, one each lane on CUDA.
// EACH_ROW(g) { ... } the rows of level g, cells of either colour.
#if defined(__CUDA_ARCH__)
#define EACH_LINE(nx, ny, nz)                                                                                      \
    HP_SLOT_LANES(t_, (nx) * (ny) * (nz))                                                                          \
        for (int k0 = t_ % (nz), k1 = k0 + 1, y = t_ / (nz) % (ny), x = t_ / (nz) / (ny), o_ = 1; o_; o_ = 0)
#else
#define EACH_LINE(nx, ny, nz)                                                                                      \
    HP_SLOT(t_, (nx) * (ny))                                                                                       \
        for (int k0 = 0, k1 = (nz), y = t_ % (ny), x = t_ / (ny), o_ = 1; o_; o_ = 0)
#endif
#define EACH_ROW(g) EACH_LINE(g.x, g.y, g.half)
(void)level_at;
