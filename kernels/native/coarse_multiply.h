// y = C c with the dense symmetric matrix C [n, n]; ROWS rows a block, the columns in PARTS shares.
constexpr int ROWS = 32, PARTS = LANES >= ROWS ? LANES / ROWS : 1;
HP_SHARED M c[LIMIT];
HP_SHARED M partial[PARTS * ROWS];
for (int q = lane; q < n; q += lanes) c[q] = coarse_rhs(q);
HP_SYNC;
for (int t = lane; t < PARTS * ROWS; t += lanes) {
    const int part = t / ROWS, i = slot * ROWS + t % ROWS, share = (n + PARTS - 1) / PARTS;
    const int end = (part + 1) * share < n ? (part + 1) * share : n;
    M sum = 0;
    if (i < n)
        for (int j = part * share; j < end; ++j) sum += matrix.data[(long long)j * n + i] * c[j];
    partial[t] = sum;
}
HP_SYNC;
for (int t = lane; t < ROWS; t += lanes) {
    M sum = partial[t];
    for (int part = 1; part < PARTS; ++part) sum += partial[part * ROWS + t];
    if (slot * ROWS + t < n) result.data[slot * ROWS + t] = sum;
}
HP_SYNC;
