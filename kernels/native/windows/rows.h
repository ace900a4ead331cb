// Row i of a window's matrix, as leaves/rows.h for a leaf: A on the window's `cells` [L]; a place without a cell, -1,
// has a row of the identity. Only neighbours in the window's box are coupled: where the ends of a periodic axis meet in
// a window, their conductance is on the diagonal alone. A region inside one window makes the matrix singular, so its
// pinned cell counts twice on the diagonal.
constexpr int STRIDES[3] = {1, BZ, BY * BZ};
const int n = leaves * LEAF;
auto assemble_row = [&](int i, int window, double* row) -> double {
    const int position[3] = {i % BZ, i / BZ % BY, i / (BY * BZ)};   // last axis first, like the directions
    const int place = window * L + i, c = window < 0 ? -1 : cells.data[place];
    if (c < 0) return 1.0;
    for (int axis = 0; axis < DIMS; ++axis)
        if (position[axis] > 0 && cells.data[place - STRIDES[axis]] >= 0)
            row[STRIDES[axis] * W] = -conductance.data[2 * axis * n + c];
    return diagonal.data[c] * (pinned.data[place] ? 2.0 : 1.0);
};
