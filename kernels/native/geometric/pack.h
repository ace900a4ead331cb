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
HP_SLOT(b, leaves) {
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b;
    for (int x = 0; x < u[0]; ++x)
        for (int y = 0; y < u[1]; ++y) {
            const int q = (first[0] + x + first[1] + y) & 1, row = g.row(first[0] + x, first[1] + y), k = first[2] / 2;
            const T* line = from + b * L + (x * BY + y) * BZ;
            M pair[2][BZ / 2];
            for (int v = 0; v < BZ; ++v) pair[v & 1][v / 2] = M(line[v]);
            const int reds = (u[2] + 1 - q) / 2, blacks = u[2] - reds;
            if (u[2] == BZ) {
                for (int v = 0; v < BZ / 2; ++v) red[row + k + v] = pair[q][v];
                for (int v = 0; v < BZ / 2; ++v) black[row + k + v] = pair[1 - q][v];
            } else {
                for (int v = 0; v < reds; ++v) red[row + k + v] = pair[q][v];
                for (int v = 0; v < blacks; ++v) black[row + k + v] = pair[1 - q][v];
            }
            g.seam(red + row, q, k, k + reds);
        }
}
#endif
