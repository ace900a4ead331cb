// result = C c with the dense symmetric matrix C [pitch, pitch], of which n rows and columns count. A block has ROWS
// rows; it takes CHUNK columns at a time, in PARTS shares. LOCAL subtracts the leaves' own part.
constexpr int PARTS = LANES >= ROWS ? LANES / ROWS : 1;
HP_SHARED double c[CHUNK];
HP_SHARED double partial[PARTS * ROWS];
for (int t = lane; t < PARTS * ROWS; t += lanes) partial[t] = 0;
for (int first = 0; first < n; first += CHUNK) {
    const int columns = n - first < CHUNK ? n - first : CHUNK, share = (columns + PARTS - 1) / PARTS;
    for (int j = lane; j < columns; j += lanes) c[j] = coarse_rhs(first + j);
    HP_SYNC;                                        // each lane wrote some of c, every lane reads its share of it
    for (int t = lane; t < PARTS * ROWS; t += lanes) {
        const int part = t / ROWS, i = slot * ROWS + t % ROWS;
        const int end = (part + 1) * share < columns ? (part + 1) * share : columns;
        double sum = partial[t];
        if (i < n)
            for (int j = part * share; j < end; ++j) sum += matrix.data[(long long)(first + j) * pitch + i] * c[j];
        partial[t] = sum;
    }
    HP_SYNC;                                        // c was read, the next columns' is written; partial is written
}
for (int t = lane; t < ROWS; t += lanes) {
    double sum = partial[t];
    for (int part = 1; part < PARTS; ++part) sum += partial[part * ROWS + t];
    const int i = slot * ROWS + t;
    if (i >= n) continue;
    if (LOCAL)
        for (int g = 0; g < R; ++g) sum -= local_inverse.data[i * R + g] * coarse_rhs(i / R * R + g);
    result.data[i] = sum;
}
HP_SYNC;                                            // partial was read; a loop around this may write it
