// by_row, by_column [leaves, TOKENS, D]: sums over the tiles whose row strip, or column strip, has the leaf, of tile tokens
// y [tiles, TOKENS, D]. The tiles of leaf k are tile[first[2 k]] on, and from first[2 k + 1] on. One leaf a block.
for (int side = 0; side < 2; ++side) {
    const int from = first.data[2 * slot + side], end = first.data[2 * slot + side + 1];
    float* to = (side ? by_column.data : by_row.data) + (long long)slot * (TOKENS * D);
    for (int t = lane; t < TOKENS * D; t += lanes) {
        float sum = 0.0f;
        for (int m = from; m < end; ++m) sum += y.data[(long long)tile.data[m] * (TOKENS * D) + t];
        to[t] = sum;
    }
}
