// The lines of cells along AXIS (0: z, 1: y) through a leaf of a 2D grid: cell k of line t.
constexpr int CELLS = AXIS == 0 ? BZ : BY, LINES = AXIS == 0 ? BY : BZ;
auto along = [](int t, int k) -> int { return AXIS == 0 ? t * BZ + k : k * BZ + t; };
