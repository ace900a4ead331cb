// Largest entry of an array, known to every lane; a NaN counts as nothing.
auto array_max = [&](const double* values, int n) -> double {
    double most = 0.0;
    for (int i = lane; i < n; i += lanes) most = values[i] > most ? values[i] : most;
    block_scratch[lane] = most;
    HP_SYNC;                                        // each lane wrote its largest; all read all
    for (int other = 0; other < lanes; ++other) most = block_scratch[other] > most ? block_scratch[other] : most;
    HP_SYNC;                                        // all have read; the next sum may overwrite it
    return most;
};
