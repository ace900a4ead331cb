// Row i of a leaf's matrix, for leaves/factor.h and leaves/eliminate.h: writes the coupling to cell i - k as entry k of
// `row`, row[k * W], and returns the diagonal; `assemble_row_by` writes to row[k * step]. `leaf` < 0 has rows of the
// identity. Couplings to other leaves are not part of a leaf's matrix; CLOSED also takes their conductance off the
// diagonal (no flux through the leaf's faces) and adds SHIFT times A's diagonal. A region inside one leaf makes the
// matrix singular: its pinned cell counts twice.
constexpr double SHIFT = 1e-3;
constexpr int STRIDES[3] = {1, BZ, BY * BZ};
const int n = leaves * L;
auto position_of = [](int i, int axis) -> int {                           // last axis first, like the directions
    return axis == 0 ? i % BZ : axis == 1 ? i / BZ % BY : i / (BY * BZ);
};
// The conductance of cell i to other leaves.
auto leaving = [&](int i, int leaf) -> double {
    double sum = 0.0;
    for (int axis = 0; axis < DIMS; ++axis) {
        const int at = position_of(i, axis), end = used.data[3 * leaf + 2 - axis] - 1;
        if (at == 0) sum += conductance.data[2 * axis * n + leaf * L + i];
        if (at == end) sum += conductance.data[(2 * axis + 1) * n + leaf * L + i];
    }
    return sum;
};
auto assemble_row_by = [&](int i, int leaf, double* row, int step) -> double {
    if (leaf < 0) return 1.0;
    const int c = leaf * L + i;
    const double whole = diagonal.data[c];
    for (int axis = 0; axis < DIMS; ++axis)
        if (position_of(i, axis) > 0) row[STRIDES[axis] * step] = -conductance.data[2 * axis * n + c];
    if (CLOSED) return whole - leaving(i, leaf) + SHIFT * whole;
    return pinned.data[c] ? whole + whole : whole;
};
auto assemble_row = [&](int i, int leaf, double* row) -> double { return assemble_row_by(i, leaf, row, W); };
(void)assemble_row; (void)leaving;
