// more [N, D + 1] = (A / s) h, and (A / s) 1 behind it, for h [N, D]. One leaf a block.
const int n = leaves * L;
for (int t = lane; t < L * (D + 1); t += lanes) {
    const int i = slot * L + t / (D + 1), c = t % (D + 1);
    auto value = [&](int j) -> float { return c < D ? h.data[(long long)j * D + c] : 1.0f; };
    float sum = scaled.data[DIRECTIONS * n + i] * value(i);
    for (int d = 0; d < DIRECTIONS; ++d) {
        const int j = across.data[d * n + i];
        if (j >= 0) sum -= scaled.data[d * n + i] * value(j);
    }
    more.data[(long long)i * (D + 1) + c] = sum;
}
