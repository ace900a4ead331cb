// sums [blocks, D]: over ROWS rows of x [rows, D] at a time. One lane a column.
const int begin = slot * ROWS, end = begin + ROWS < rows ? begin + ROWS : rows;
for (int c = lane; c < D; c += lanes) {
    float sum = 0.0f;
    for (int r = begin; r < end; ++r) sum += x.data[(long long)r * D + c];
    sums.data[slot * D + c] = sum;
}
