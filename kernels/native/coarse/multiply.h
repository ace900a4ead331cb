// result = C c with the dense symmetric matrix C [pitch, pitch], of which n rows and columns count. A block has ROWS
// rows, and the columns in PARTS shares. LOCAL subtracts the leaves' own part.
constexpr int PARTS = LANES >= ROWS ? LANES / ROWS : 1;
HP_SHARED double c[LIMIT];
HP_SHARED double partial[PARTS * ROWS];
for (int q = lane; q < n; q += lanes) c[q] = coarse_rhs(q);
HP_SYNC;                                            // each lane wrote some of c, every lane reads its share of it
for (int t = lane; t < PARTS * ROWS; t += lanes) {
    const int part = t / ROWS, i = slot * ROWS + t % ROWS, share = (n + PARTS - 1) / PARTS;
    const int end = (part + 1) * share < n ? (part + 1) * share : n;
    double sum = 0;
    if (i < n)
        for (int j = part * share; j < end; ++j) sum += matrix.data[(long long)j * pitch + i] * c[j];
    partial[t] = sum;
}
HP_SYNC;                                            // PARTS lanes wrote the shares of a row, one lane adds them
for (int t = lane; t < ROWS; t += lanes) {
    double sum = partial[t];
    for (int part = 1; part < PARTS; ++part) sum += partial[part * ROWS + t];
    const int i = slot * ROWS + t;
    if (i >= n) continue;
    if (LOCAL)
        for (int g = 0; g < R; ++g) sum -= local_inverse.data[i * R + g] * c[i / R * R + g];
    result.data[i] = sum;
}
HP_SYNC;                                            // c and partial were read; a loop around this may write them
