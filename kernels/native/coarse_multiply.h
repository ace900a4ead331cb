// y = C c with the dense symmetric matrix C [n, n]; ROWS rows a block, the columns in PARTS shares. LOCAL subtracts the
// leaves' own part.
constexpr int ROWS = 32, PARTS = LANES >= ROWS ? LANES / ROWS : 1;
HP_SHARED double c[LIMIT];
HP_SHARED double partial[PARTS * ROWS];
for (int q = lane; q < order; q += lanes) c[q] = coarse_rhs(unknown_of(q));
HP_SYNC;
for (int t = lane; t < PARTS * ROWS; t += lanes) {
    const int part = t / ROWS, i = slot * ROWS + t % ROWS, share = (order + PARTS - 1) / PARTS;
    const int end = (part + 1) * share < order ? (part + 1) * share : order;
    double sum = 0;
    if (i < order)
        for (int j = part * share; j < end; ++j) sum += matrix.data[(long long)j * n + i] * c[j];
    partial[t] = sum;
}
HP_SYNC;
for (int t = lane; t < ROWS; t += lanes) {
    double sum = partial[t];
    for (int part = 1; part < PARTS; ++part) sum += partial[part * ROWS + t];
    const int i = slot * ROWS + t;
    if (i >= order) continue;
    const int u = unknown_of(i), own = row_of(u / R * R);
    if (LOCAL)
        for (int g = 0; g < rank_of(u / R); ++g) sum -= local_inverse.data[u * R + g] * c[own + g];
    result.data[u] = sum;
}
HP_SYNC;
