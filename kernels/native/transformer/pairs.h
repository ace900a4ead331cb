// The largest of two numbers a leaf, kept as pairs [leaves, 2]. largest_of(pairs), or of pairs + 1: over all leaves, known
// to every lane. keep_largest(first, second, pairs): those of this block's leaf, from every lane's own.
auto largest_of = [&](const double* pairs) -> double {
    double most = 0.0;
    for (int k = lane; k < leaves; k += lanes) most = pairs[2 * k] > most ? pairs[2 * k] : most;
    return block_largest(most);
};
auto keep_largest = [&](double first, double second, double* pairs) {
    first = block_largest(first);
    second = block_largest(second);
    if (lane == 0) {
        pairs[2 * slot] = first;
        pairs[2 * slot + 1] = second;
    }
};
(void)largest_of; (void)keep_largest;
