// moments [leaves, 2 FIELDS]: sums over a leaf's fluid of each field, and of its square. One leaf a block.
for (int f = 0; f < FIELDS; ++f) {
    double sum = 0.0, squares = 0.0;
    for (int l = lane; l < L; l += lanes) {
        const int i = slot * L + l;
        const double value = fluid.data[i] == FLUID ? double(field(f, i)) : 0.0;
        sum += value;
        squares += value * value;
    }
    sum = block_sum(sum);
    squares = block_sum(squares);
    if (lane == 0) {
        moments.data[slot * (2 * FIELDS) + 2 * f] = sum;
        moments.data[slot * (2 * FIELDS) + 2 * f + 1] = squares;
    }
}
