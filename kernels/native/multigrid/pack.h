// r in brick order -> the finest level's first sweep.
const Level g = level_at(0);
M* swept = g.part(Y);
const M* factor = g.part(D);
BRICK_LINES(b) {
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b;
    if (x >= u[0] || y >= u[1] || k0 >= u[2]) continue;                         // padding
    const int end = k1 < u[2] ? k1 : u[2];
    const T* line = r.data + (long long)b * L + (x * BY + y) * BZ;
    const long long row = g.row(first[0] + x, first[1] + y) + first[2];
    auto copy = [&](int k) { swept[row + k] = factor[row + k] * M(line[k]); };
    if (end - k0 == BZ) {
        HP_ROLLED for (int k = 0; k < BZ; ++k) copy(k);
    } else {
        for (int k = k0; k < end; ++k) copy(k);
    }
    g.seam(swept + row - first[2], first[2] + k0, first[2] + end);
}
