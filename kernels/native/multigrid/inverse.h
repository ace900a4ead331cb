// The inverse of the coarsest level's operator, [n, n] symmetric, by one block; n = X * Y * Z.
//
// Gauss-Jordan on couplings: the unknowns still to come keep the form of ``levels.h``, so a pivot is s plus the couplings
// to them, a sum that loses no digits and that ends at exactly zero in a region without open side. There the last unknown
// is set to zero, which leaves a generalised inverse.
auto invert = [&](const Level& g) {
    const int n = g.x * g.y * g.z;
    HP_SHARED double pivots[DIRECT_CELLS], s[DIRECT_CELLS];
    double* a = work.data;                                                     // [n, n], the lower triangle
    for (int i = lane; i < n; i += lanes) {                                    // -c_ij off the diagonal
        const int z = i % g.z, y = i / g.z % g.y, x = i / g.z / g.y;
        for (int j = 0; j < n; ++j) a[i * n + j] = 0.0;
        s[i] = double(g.part(S)[g.row(x, y) + z]);
        for (int code = -HALF; code <= HALF; ++code) {
            const Offset d = offset_of(code);
            if (code == 0 || !g.stored(d)) continue;
            const int p = g.wraps(0) ? (z + d.z + g.z) % g.z : z + d.z;
            if (!g.inside(x + d.x, y + d.y) || p < 0 || p >= g.z) continue;
            const int q = DIMS == 3 ? g.wrap(x + d.x, g.x, 2) : 0, j = (q * g.y + g.wrap(y + d.y, g.y, 1)) * g.z + p;
            if (j != i) a[i * n + j] -= double(g.to(x, y, d)[z]);
        }
    }
    HP_SYNC;                                                                   // each lane wrote rows, all read column k
    for (int k = 0; k < n; ++k) {
        for (int j = lane; j < n; j += lanes) pivots[j] = j == k ? 0.0 : j < k ? a[k * n + j] : a[j * n + k];
        HP_SYNC;                                                               // row k is copied, read next
        double pivot = s[k];
        for (int j = k + 1; j < n; ++j) pivot -= pivots[j];
        const double share = pivot > 0.0 ? 1.0 / pivot : 0.0, own = s[k];
        HP_SYNC;                                                               // all have read s, which changes now
        for (int i = lane; i < n; i += lanes) {
            const double factor = pivots[i] * share;
            HP_VECTOR for (int j = 0; j <= i; ++j) a[i * n + j] -= factor * pivots[j];
            if (i > k) s[i] -= factor * own, a[i * n + k] = factor;
            if (i == k)
                for (int j = 0; j < k; ++j) a[k * n + j] = pivots[j] * share;
            if (i == k) a[k * n + k] = -share;
        }
        HP_SYNC;                                                               // the triangle is written, read next
    }
    for (int i = lane; i < n * n; i += lanes) {
        const int row = i / n, column = i % n;
        inverse.data[i] = M(-a[row > column ? i : column * n + row]);
    }
};
