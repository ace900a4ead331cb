// r in brick order -> the finest level's right-hand side by colour.
const Level g = level_at(0);
const T* from = r.data;
M *red = g.part(R), *black = g.part(R + 1);
#if defined(__CUDA_ARCH__)
HP_SLOT_ROWS(b, leaves) {
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b;
    if (x >= u[0] || y >= u[1] || z >= u[2]) continue;
    const int q = (first[0] + x + first[1] + y) & 1, k = (first[2] + z) / 2;
    const int row = g.row(first[0] + x, first[1] + y);
    const M value = M(from[b * L + l]);
    if ((z ^ q) & 1) {
        black[row + k] = value;
    } else {
        red[row + k] = value;
        g.seam(red + row, q, k, k + 1);
    }
}
#else
constexpr int H = BZ / 2;
HP_SLOT(b, leaves) {
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b;
    const T* brick = from + (long long)b * L;
    M even[L / 2], odd[L / 2];
    HP_VECTOR for (int i = 0; i < L / 2; ++i) even[i] = M(brick[2 * i]), odd[i] = M(brick[2 * i + 1]);
    const int nx = u[0], ny = u[1], nz = u[2], parity = first[0] + first[1], k = first[2] / 2;
    const int start = g.row(first[0], first[1]), plane = g.row(1, 0) - g.row(0, 0);
    for (int x = 0; x < nx; ++x)
        for (int y = 0; y < ny; ++y) {
            const int q = (parity + x + y) & 1, row = start + x * plane + y * g.width, reds = (nz + 1 - q) / 2;
            const M *from_red = (q ? odd : even) + (x * BY + y) * H, *from_black = (q ? even : odd) + (x * BY + y) * H;
            if (nz == BZ) {
                __builtin_memcpy(red + row + k, from_red, H * sizeof(M));
                __builtin_memcpy(black + row + k, from_black, H * sizeof(M));
            } else {
                for (int v = 0; v < reds; ++v) red[row + k + v] = from_red[v];
                for (int v = 0; v < nz - reds; ++v) black[row + k + v] = from_black[v];
            }
            g.seam(red + row, q, k, k + reds);
        }
}
#endif
