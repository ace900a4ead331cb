// Row i of a brick's matrix, as leaves/rows.h for a leaf. A brick has P nodes of R unknowns; `inside` is the position
// of a node's neighbour in the same brick, `nodes` the node at a position, both -1 for none. CLOSED subtracts `mass`,
// what closing the brick's faces in the grid takes off (coarse/galerkin.h), and adds SHIFT times the diagonal. A pinned
// unknown has its scale added. Where no pins are known, every unknown of a brick marked in `closed` (constants/close.h)
// has `slack` times its scale added.
constexpr double SHIFT = 1e-3;
constexpr int P = L / R;
auto assemble_row = [&](int i, int brick, double* row) -> double {
    const int p = i / R, f = i % R;
    const int* own = nodes.data + brick * P;
    const int node = brick < 0 ? -1 : own[p];
    if (node < 0) return 1.0;
    const double* block = blocks.data + (long long)node * ((DIRECTIONS + 1) * R * R) + f * R;
    for (int g = 0; g < f; ++g) row[(f - g) * W] = block[DIRECTIONS * R * R + g];
    double value = block[DIRECTIONS * R * R + f];
    if (CLOSED) value += SHIFT * value;
    else value += (pinned.data[node * R + f] ? 1.0 : closed.data[brick] ? slack : 0.0) * scale.data[node * R + f];
    for (int d = 0; d < DIRECTIONS; ++d) {
        const int q = inside.data[p * DIRECTIONS + d];
        if (q >= 0 && own[q] >= 0) {
            if (q < p)
                for (int g = 0; g < R; ++g) row[((p - q) * R + f - g) * W] = block[d * R * R + g];
        } else if (CLOSED) {
            const double* off = mass.data + ((long long)node * DIRECTIONS + d) * (R * R) + f * R;
            for (int g = 0; g < f; ++g) row[(f - g) * W] -= off[g];
            value -= off[f];
        }
    }
    return value;
};
