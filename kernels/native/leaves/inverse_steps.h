// The basis functions of one leaf, before orthonormalisation: the closed leaf's matrix (leaves/eliminate.h) solved with
// its start functions times the diagonal. raw [group, FUNCTIONS, L], slot = group. Start functions are [FUNCTIONS, L]
// for all leaves (own = 0) or [leaves, FUNCTIONS, L] (own = 1).
// Longest chain: 2 L steps of a product for every TOGETHER functions, one function a lane.
constexpr int TOGETHER = 8;
HP_SHARED double x[L * TOGETHER];
for (int first = 0; first < FUNCTIONS; first += TOGETHER) {
    const int count = FUNCTIONS - first < TOGETHER ? FUNCTIONS - first : TOGETHER;
    const float* from = start.data + (long long)((own ? leaf * FUNCTIONS : 0) + first) * L;
    double* to = raw.data + ((long long)slot * FUNCTIONS + first) * L;
    for (int t = lane; t < count * L; t += lanes)
        x[t % L * TOGETHER + t / L] = double(from[t]) * diagonal.data[leaf * L + t % L];
    HP_SYNC;                                        // x is written; a lane solves with all of its function
    HP_PER_LANE(t, 0, count) {
        double next[BW] = {};
        for (int i = 0; i < L; ++i) {
            const double value = x[i * TOGETHER + t] - next[0];
            x[i * TOGETHER + t] = value;
            lose(next, value, below_row(i));
        }
        for (int k = 0; k < BW; ++k) next[k] = 0.0;
        for (int i = L - 1; i >= 0; --i) {
            const double value = x[i * TOGETHER + t] * f[i * ROW] - next[0];
            x[i * TOGETHER + t] = value;
            lose(next, value, [&](int k) { return f[i * ROW + k]; });
        }
    }
    HP_SYNC;                                        // x is solved; it is written out
    for (int t = lane; t < count * L; t += lanes) to[t] = x[t % L * TOGETHER + t / L];
    HP_SYNC;                                        // x was read; the next functions overwrite it
}
