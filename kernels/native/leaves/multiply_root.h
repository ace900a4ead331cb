// u = G^T G u in place, where G is the triangular root of an inverse, [L, L], as leaves/root.h stores it.
constexpr int PARTS = LANES >= L ? LANES / L : 1, SHARE = L / PARTS;
HP_SHARED T partial[DENSE ? PARTS * L : 1];
auto multiply_root = [&](const auto* root, T* u) {
    for (int pass = 0; pass < 2; ++pass) {                               // G, then G^T
        for (int t = lane; t < PARTS * L; t += lanes) {
            const int part = t / L, i = t % L, low = part * SHARE, high = low + SHARE;
            const int begin = pass == 1 && low < i ? i : low, end = pass == 0 && high > i + 1 ? i + 1 : high;
            T sum = 0;
            for (int j = begin; j < end; ++j) sum += root[lanes > 1 ? j * L + i : i * L + j] * u[j];
            partial[t] = sum;
        }
        HP_SYNC;                                    // shares of a row are written; one lane adds them
        for (int l = lane; l < L; l += lanes) {
            T sum = partial[l];
            for (int part = 1; part < PARTS; ++part) sum += partial[part * L + l];
            u[l] = sum;
        }
        HP_SYNC;                                    // u is written; the second half of the root reads it
    }
};
(void)partial; (void)multiply_root;
