// What a tile reads of its strips: means over the row strip's leaves, and over the column strip's, of `pooled` [leaves,
// TOKENS, D]. INTO: their sum is added to the tile's tokens y. Else they go to `first` and `second` [tiles, TOKENS, D], after
// what tiles say by that side was added, `by_row` and `by_column` [leaves, TOKENS, D]. One tile a block.
constexpr int SIZE = TOKENS * D;
for (int t = lane; t < SIZE; t += lanes) {
    float both = 0.0f;
    for (int side = 0; side < 2; ++side) {
        const int begin = side ? column.data[slot] : row.data[slot];
        const int members = side ? column_size.data[slot] : size.data[slot];
        const float* said = side ? by_column.data : by_row.data;
        float sum = 0.0f;
        for (int p = begin; p < begin + members; ++p) {
            const long long at = (long long)order.data[p] * SIZE + t;
            sum += INTO ? pooled.data[at] : pooled.data[at] + said[at];
        }
        const float mean = sum / members;
        if (INTO) both += mean;
        else (side ? second.data : first.data)[(long long)slot * SIZE + t] = mean;
    }
    if (INTO) y.data[(long long)slot * SIZE + t] += both;
}
