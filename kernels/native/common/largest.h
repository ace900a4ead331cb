// The largest of one value per lane, known to every lane; and of an array. A NaN counts as nothing.
auto block_largest = [&](double most) -> double {
    block_scratch[lane] = most;
    HP_SYNC;                                        // each lane wrote its largest; all read all
    for (int other = 0; other < lanes; ++other) most = block_scratch[other] > most ? block_scratch[other] : most;
    HP_SYNC;                                        // all have read; the next sum may overwrite it
    return most;
};
auto array_max = [&](const double* values, int n) -> double {
    double most = 0.0;
    for (int i = lane; i < n; i += lanes) most = values[i] > most ? values[i] : most;
    return block_largest(most);
};
(void)block_largest; (void)array_max;
