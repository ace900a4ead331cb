// One tile's part of z = M r: its strips' sums, times the core C [RANK, RANK] and its transpose. Strips are `size` and
// `column_size` places of the Morton order; result [tiles, 2 RANK] holds what the tile adds to its row leaves and to
// its column leaves.
constexpr int RANK = R / 2;
HP_SHARED M rows[RANK];
HP_SHARED M columns[RANK];
for (int q = lane; q < R; q += lanes) {
    const bool left = q < RANK;
    const int* leaf = order.data + (left ? row.data[slot] : column.data[slot]);
    M sum = 0;
    const int leaves = left ? size.data[slot] : column_size.data[slot];
    for (int s = 0; s < leaves; ++s) sum += restricted.data[leaf[s] * R + q];
    (left ? rows[q] : columns[q - RANK]) = sum;
}
HP_SYNC;                                            // rows and columns are written; all are read
const S* core = cores.data + (long long)slot * (RANK * RANK);
for (int q = lane; q < R; q += lanes) {
    M sum = 0;
    if (q < RANK)
        for (int k = 0; k < RANK; ++k) sum += M(core[q * RANK + k]) * columns[k];
    else
        for (int k = 0; k < RANK; ++k) sum += M(core[k * RANK + q - RANK]) * rows[k];
    result.data[slot * R + q] = sum;
}
HP_SYNC;                                            // they were read; the next tile's are written
