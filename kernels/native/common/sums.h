// R sums over the cells of a leaf, in a fixed order: store(f, sum over l of value(f, l)). R is a power of two; on CUDA
// LANES / R lanes share a function.
HP_SHARED T sums_scratch[LANES];
auto each_sum = [&](auto value, auto store) {
#if defined(__CUDA_ARCH__)
    constexpr int PER = LANES / R;
    const int f = lane / PER, t = lane % PER;
    T sum = 0;
    for (int l = t; l < L; l += PER) sum += value(f, l);
    sums_scratch[lane] = sum;
    HP_SYNC;                                        // each lane wrote its part; the lower half reads the upper
    for (int half = PER / 2; half > 0; half /= 2) {
        if (t < half) sums_scratch[lane] += sums_scratch[lane + half];
        HP_SYNC;                                    // the lower half wrote sums, a quarter reads them
    }
    if (t == 0) store(f, sums_scratch[lane]);
    HP_SYNC;                                        // sums were stored; the next sum overwrites the scratch
#else
    for (int f = 0; f < R; ++f) {
        T sum[16] = {};
        for (int l = 0; l < L; l += 16)
            for (int a = 0; a < 16; ++a) sum[a] += value(f, l + a);
        for (int half = 8; half > 0; half /= 2)
            for (int a = 0; a < half; ++a) sum[a] += sum[a + half];
        store(f, sum[0]);
    }
#endif
};
(void)sums_scratch; (void)each_sum;
