// r in brick order -> the finest level's first sweep.
const Level g = level_at(0);
M* swept = g.part(Y);
const M* factor = g.part(D);
HP_SLOT(b, leaves) {
    const int* first = origin.data + 3 * b;
    const int* u = used.data + 3 * b;
    const T* from = r.data + (long long)b * L;
    BLOCK_LINE(u[0], u[1], u[2]) {
        const T* line = from + (x * BY + y) * BZ;
        const long long row = g.row(first[0] + x, first[1] + y) + first[2];
        auto copy = [&](int k) { swept[row + k] = factor[row + k] * M(line[k]); };
        if (k1 - k0 == BZ) {
            HP_ROLLED for (int k = 0; k < BZ; ++k) copy(k);
        } else {
            for (int k = k0; k < k1; ++k) copy(k);
        }
        g.seam(swept + row - first[2], first[2] + k0, first[2] + k1);
    }
}
