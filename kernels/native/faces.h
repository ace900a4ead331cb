// The cells of a leaf's face in one direction and those across it.
constexpr int EXTENT[3] = {BZ, BY, BX}, STEP[3] = {1, BZ, BY * BZ};     // last axis first, like the directions
// visit(l, across): own cell l, cell `across` of the neighbour, for the face's cells (real or padding) begin, begin +
// stride, ...
auto each_face_cell = [&](int b, int j, int direction, const int* used, int begin, int stride, auto visit) {
    const int axis = direction / 2, first = axis == 0 ? 1 : 0, second = axis == 2 ? 1 : 2;
    const int own_end = used[3 * b + 2 - axis] - 1, other_end = used[3 * j + 2 - axis] - 1;
    const int own = (direction % 2 ? own_end : 0) * STEP[axis], other = (direction % 2 ? 0 : other_end) * STEP[axis];
    for (int t = begin; t < EXTENT[first] * EXTENT[second]; t += stride) {
        const int on_face = t / EXTENT[first] * STEP[second] + t % EXTENT[first] * STEP[first];
        visit(own + on_face, other + on_face);
    }
};
(void)each_face_cell;
