// Row i of a window's matrix, as leaves/rows.h of a leaf: A on the window's cells [L], -1 where it lacks one, a row of the
// identity. A coupling is that of two neighbours in the window; a periodic axis whose ends meet in it keeps their
// conductance on the diagonal alone. A region inside one window makes it singular: its pinned cell counts twice on the
// diagonal.
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
