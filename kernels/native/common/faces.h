// The cells of a leaf's face in one direction and those across it.
constexpr int EXTENT[3] = {BZ, BY, BX}, STEP[3] = {1, BZ, BY * BZ};     // last axis first, like the directions
constexpr int SHORTER = BY < BZ ? BY : BZ, SHORTEST = DIMS == 3 && BX < SHORTER ? BX : SHORTER;
constexpr int FACE = L / SHORTEST;                                       // most cells of a face
struct Face {
    int own, other, cells, length, step, row;
    // Item t of the face: its own cell, and the neighbour's.
    HP_INLINE int place(int t) const { return t / length * row + t % length * step; }
    HP_INLINE int here(int t) const { return own + place(t); }
    HP_INLINE int there(int t) const { return other + place(t); }
};
// The face of leaf b towards its neighbour j. In a loop over directions that is unrolled, all but the offsets are
// compile-time constants.
auto face_of = [&](int b, int j, int direction, const int* used) -> Face {
    const int axis = direction / 2, first = axis == 0 ? 1 : 0, second = axis == 2 ? 1 : 2;
    const int own = direction % 2 ? used[3 * b + 2 - axis] - 1 : 0, other = direction % 2 ? 0 : used[3 * j + 2 - axis] - 1;
    return {own * STEP[axis], other * STEP[axis], EXTENT[first] * EXTENT[second], EXTENT[first], STEP[first], STEP[second]};
};
(void)face_of;
