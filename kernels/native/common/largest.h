// The largest of one value per lane, known to every lane; and of an array. A NaN counts as nothing.
auto block_largest = [&](double most) -> double {
    return block_reduce(most, [](double a, double b) { return b > a ? b : a; });
};
auto array_max = [&](const double* values, int n) -> double {
    double most = 0.0;
    for (int i = lane; i < n; i += lanes) most = values[i] > most ? values[i] : most;
    return block_largest(most);
};
(void)block_largest; (void)array_max;
