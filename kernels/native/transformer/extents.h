// extents [leaves, 2]: the largest number of a leaf's block, and of its bases. One leaf a block.
double largest = 0.0, reach = 0.0;
for (int l = lane; l < L; l += lanes) {
    const int i = slot * L + l;
    const double own = product(i, i) + jacobi(i);
    largest = own > largest ? own : largest;
    for (int r = 0; r < 2 * RANK; ++r) {
        const double size = fabs(double(base_of(i, r)));
        reach = size > reach ? size : reach;
    }
}
keep_largest(largest, reach, extents.data);
