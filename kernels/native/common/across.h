// The cell beyond face d of cell i, which is at (x, y, z) of brick b, and whether it is in another brick. Where the domain
// ends it is a cell of the brick itself. Directions as in common/halo.h. The CPU reads tiles instead.
#if defined(__CUDA_ARCH__)
struct Across {
    int cell;
    bool outside;
};
auto across_face = [&](int b, int i, int x, int y, int z, int d) -> Across {
    const int axis = 2 - d / 2, place = axis == 2 ? z : axis == 1 ? y : x, step = axis == 2 ? 1 : axis == 1 ? BZ : BY * BZ;
    const bool up = d % 2;
    if (up ? place + 1 < used.data[3 * b + axis] : place > 0) return {up ? i + step : i - step, false};
    const int other = neighbor.data[b * DIRECTIONS + d], to = up ? 0 : used.data[3 * other + axis] - 1;
    return {other * L + ((axis == 0 ? to : x) * BY + (axis == 1 ? to : y)) * BZ + (axis == 2 ? to : z), true};
};
#endif
