// X = A^-1 B on the coarsest level.
auto solve_coarsest = [&](const Level& g) {
    const int n = g.x * g.y * g.z;
    HP_SHARED M b[DIRECT_CELLS];
    for (int i = lane; i < n; i += lanes) b[i] = (g.part(B) + g.row(i / g.z / g.y, i / g.z % g.y))[i % g.z];
    HP_SYNC;                                                                   // each lane wrote its cells, all read all
    EACH_LINE(g.x, g.y, g.z) {
        M* to = g.part(X) + g.row(x, y);
        for (int z = k0; z < k1; ++z) {
            const int i = (x * g.y + y) * g.z + z;
            const M* a = inverse.data + (LANES > 1 ? i : i * n);               // a column, for lanes side by side: A is symmetric
            M sum = 0;
            HP_VECTOR for (int j = 0; j < n; ++j) sum += a[LANES > 1 ? j * n : j] * b[j];
            to[z] = sum;
        }
        g.seam(to, k0, k1);
    }
};
