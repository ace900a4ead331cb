// What the network sees (hpsolver/network/poisson.py): features [N, FEATURES] of each cell, and A over its norm in single
// precision, scaled [DIRECTIONS + 1, N], the diagonal last, 1 outside the fluid. One leaf a block.
constexpr int FEATURES = FIELDS + 1 + 2 + 2 * FIELDS;
HP_SHARED float statistic[2 * FIELDS];                                  // mean and deviation of each field
for (int f = 0; f < FIELDS; ++f) {
    double sum = 0.0, squares = 0.0;
    for (int k = lane; k < leaves; k += lanes) {
        sum += moments.data[k * (2 * FIELDS) + 2 * f];
        squares += moments.data[k * (2 * FIELDS) + 2 * f + 1];
    }
    const double mean = block_sum(sum) / cells, variance = block_sum(squares) / cells - mean * mean;
    if (lane == 0) {
        statistic[2 * f] = wp::float32(mean);
        statistic[2 * f + 1] = wp::float32(sqrt(variance > 0.0 ? variance : 0.0));
    }
}
HP_SYNC;                                            // statistics are written; every cell reads them
for (int l = lane; l < L; l += lanes) {
    const int i = slot * L + l;
    const bool is_fluid = fluid.data[i] == FLUID;
    float* to = features.data + (long long)i * FEATURES;
    for (int f = 0; f < FIELDS; ++f) {
        const float value = is_fluid ? field(f, i) : 0.0f;
        to[f] = f >= 2 || !is_fluid ? value : (value - statistic[2 * f]) / (statistic[2 * f + 1] + 1e-3f);
    }
    const double own = is_fluid ? diagonal.data[i] / scale : 1.0, most = own > 1e-12 ? own : 1e-12;
    double rest = 1.0;
    for (int d = 0; d < DIRECTIONS; ++d) {
        const double c = conductance.data[d * n + i] / scale;
        rest -= c / most;
        scaled.data[d * n + i] = wp::float32(c);
    }
    scaled.data[DIRECTIONS * n + i] = wp::float32(own);
    to[FIELDS] = is_fluid ? wp::float32(rest) : 0.0f;
    to[FIELDS + 1] = log2f(wp::float32(cells));
    to[FIELDS + 2] = DIMS;
    for (int s = 0; s < 2 * FIELDS; ++s) to[FIELDS + 3 + s] = statistic[s];
}
