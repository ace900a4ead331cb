// The inverse step for up to TOGETHER functions of one leaf: the closed matrix (leaves/eliminate.h) solved with start
// functions `first` to first + count - 1 times the diagonal, into x [L, TOGETHER]; the caller's lanes have read x before.
// start_of(function, i): their values.
// Longest chain: 2 L steps of a product, one function a lane.
constexpr int TOGETHER = 8;
HP_SHARED double x[L * TOGETHER];
auto inverse_steps = [&](int first, int count, auto start_of) {
    for (int t = lane; t < count * L; t += lanes)
        x[t % L * TOGETHER + t / L] = start_of(first + t / L, t % L) * diagonal.data[leaf * L + t % L];
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
    HP_SYNC;                                        // x is solved; whoever comes next reads all of it
};
