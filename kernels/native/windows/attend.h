// u = Q (Q^T u) in place, Q [L, RANK]: attention without softmax, Q = K.
HP_SHARED T compressed[RANK > 0 ? RANK : 1];
auto attend = [&](const auto* __restrict__ q, T* __restrict__ u) {
    for (int f = lane; f < RANK; f += lanes) compressed[f] = 0;
    for (int l = 0; l < L; ++l)
        for (int f = lane; f < RANK; f += lanes) compressed[f] += T(q[l * RANK + f]) * u[l];
    HP_SYNC;                                        // compressed is written; all cells read it
    for (int l = lane; l < L; l += lanes) {
        T sum[8] = {};
        for (int f = 0; f < RANK; f += 8)
            for (int a = 0; a < 8; ++a) sum[a] += T(q[l * RANK + f + a]) * compressed[f + a];
        for (int half = 4; half > 0; half /= 2)
            for (int a = 0; a < half; ++a) sum[a] += sum[a + half];
        u[l] = sum[0];
    }
};
(void)compressed; (void)attend;
