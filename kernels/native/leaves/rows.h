// Row i of a leaf's matrix, for leaves/factor.h and leaves/eliminate.h: writes the coupling to cell i - k as entry k of
// `row`, row[k * W], and returns the diagonal; `assemble_row_by` writes to row[k * step]. `leaf` < 0 has rows of the
// identity. Couplings to other leaves are not part of a leaf's matrix; CLOSED also takes their conductance off the
// diagonal (no flux through the leaf's faces) and adds SHIFT times A's diagonal. A region inside one leaf makes the
// matrix singular: its pinned cell counts twice.
constexpr double SHIFT = 1e-3;
constexpr int STRIDES[3] = {1, BZ, BY * BZ};
const int n = leaves * L;
auto assemble_row_by = [&](int i, int leaf, double* row, int step) -> double {
    if (leaf < 0) return 1.0;
    const int position[3] = {i % BZ, i / BZ % BY, i / (BY * BZ)};   // last axis first, like the directions
    const int c = leaf * L + i;
    const double whole = diagonal.data[c];
    double value = whole;
    for (int axis = 0; axis < DIMS; ++axis) {
        const int end = used.data[3 * leaf + 2 - axis] - 1;
        if (position[axis] > 0) row[STRIDES[axis] * step] = -conductance.data[2 * axis * n + c];
        if (CLOSED && position[axis] == 0) value -= conductance.data[2 * axis * n + c];
        if (CLOSED && position[axis] == end) value -= conductance.data[(2 * axis + 1) * n + c];
    }
    if (CLOSED) return value + SHIFT * whole;
    return pinned.data[c] ? value + whole : value;
};
auto assemble_row = [&](int i, int leaf, double* row) -> double { return assemble_row_by(i, leaf, row, W); };
(void)assemble_row;
