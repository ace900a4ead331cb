// Row i of the matrices of a group's leaves, for leaves/factor.h, and its diagonal apart. Couplings to other leaves are not
// part of a leaf's matrix; CLOSED also takes their conductance off the diagonal (no flux through the leaf's faces) and adds
// SHIFT of the diagonal. A region inside one leaf makes it singular: its pinned cell counts twice on the diagonal.
constexpr double SHIFT = 1e-3;
constexpr int STRIDES[3] = {1, BZ, BY * BZ};
const int n = leaves * L;
auto assemble_row = [&](int i, const int* group, double* row, double (&diagonal_of)[HP_PRIVATE(W)]) {
    const int position[3] = {i % BZ, i / BZ % BY, i / (BY * BZ)};   // last axis first, like the directions
    HP_PER_LANE(w, 0, W) {
        const int leaf = group[w], c = leaf * L + i;
        double value = 1.0;
        if (leaf >= 0) {
            const double whole = diagonal.data[c];
            value = whole;
            for (int axis = 0; axis < DIMS; ++axis) {
                const int end = used.data[3 * leaf + 2 - axis] - 1;
                if (position[axis] > 0) row[STRIDES[axis] * W + w] = -conductance.data[2 * axis * n + c];
                if (CLOSED && position[axis] == 0) value -= conductance.data[2 * axis * n + c];
                if (CLOSED && position[axis] == end) value -= conductance.data[(2 * axis + 1) * n + c];
            }
            if (CLOSED) value += SHIFT * whole;
            else if (pinned.data[c]) value += whole;
        }
        diagonal_of[HP_MINE(w)] = value;
    }
};
