// The inverse of the coarsest level's operator, [n, n] symmetric, by one block; n = X * Y * Z.
//
// Gauss-Jordan on couplings: the unknowns still to come keep the form of ``levels.h``, so a pivot is s plus the couplings
// to them, a sum that loses no digits and that ends at exactly zero in a region without open side. There the last unknown
// is set to zero, which leaves a generalised inverse.
auto invert = [&](const Level& g) {
    const int n = g.x * g.y * g.z;
    constexpr int BESIDE = LANES > 1 ? 4 : 1, PITCH = DIRECT_CELLS + 1;        // lanes of a row; no bank conflicts
    HP_SHARED double pivots[DIRECT_CELLS], s[DIRECT_CELLS], kept[LANES > 1 ? DIRECT_CELLS * PITCH : 1];
    double* a = LANES > 1 ? kept : work.data;                                  // [n, n], the lower triangle
    const int pitch = LANES > 1 ? PITCH : n;
    for (int i = lane; i < n; i += lanes) {                                    // -c_ij off the diagonal
        const int z = i % g.z, y = i / g.z % g.y, x = i / g.z / g.y;
        for (int j = 0; j < n; ++j) a[i * pitch + j] = 0.0;
        s[i] = double(g.part(S)[g.row(x, y) + z]);
        for (int code = -HALF; code <= HALF; ++code) {
            const Offset d = offset_of(code);
            if (code == 0 || !g.stored(d)) continue;
            const int p = g.wraps(0) ? (z + d.z + g.z) % g.z : z + d.z;
            if (!g.inside(x + d.x, y + d.y) || p < 0 || p >= g.z) continue;
            const int q = DIMS == 3 ? g.wrap(x + d.x, g.x, 2) : 0, j = (q * g.y + g.wrap(y + d.y, g.y, 1)) * g.z + p;
            if (j != i) a[i * pitch + j] -= double(g.to(x, y, d)[z]);
        }
    }
    HP_SYNC;                                                                   // each lane wrote rows, all read column k
    for (int k = 0; k < n; ++k) {
        const double own = s[k];
        double coming = lane == 0 ? own : 0.0;
        for (int j = lane; j < n; j += lanes) {
            pivots[j] = j == k ? 0.0 : j < k ? a[k * pitch + j] : a[j * pitch + k];
            if (j > k) coming -= pivots[j];
        }
        const double pivot = block_sum(coming);                                // row k is copied, all have read s
        const double share = pivot > 0.0 ? 1.0 / pivot : 0.0;
        for (int i = lane / BESIDE; i < n; i += lanes / BESIDE) {
            const double factor = pivots[i] * share;
            double* row = a + i * pitch;
            HP_VECTOR for (int j = lane % BESIDE; j <= i; j += BESIDE) row[j] -= factor * pivots[j];
            if (i == k)
                for (int j = lane % BESIDE; j < k; j += BESIDE) row[j] = pivots[j] * share;
            if (i < k || lane % BESIDE != k % BESIDE) continue;
            row[k] = i > k ? factor : -share;                                  // by the lane that has column k
            if (i > k) s[i] -= factor * own;
        }
        HP_SYNC;                                                               // the triangle is written, read next
    }
    for (int i = lane; i < n * n; i += lanes) {
        const int row = i / n, column = i % n;
        inverse.data[i] = M(-a[row > column ? row * pitch + column : column * pitch + row]);
    }
};
