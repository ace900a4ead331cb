// y = layer norm of x, both [D]; scaled if there is a scale.
auto normalize = [&](const float* x, float* y, const auto* scale, const auto* shift) {
    auto mean_of = [&](auto value) {                                     // eight sums side by side
        float part[8] = {}, sum = 0.0f;
        for (int c = 0; c < D; c += 8)
            for (int a = 0; a < 8; ++a) part[a] += value(c + a);
        for (int a = 0; a < 8; ++a) sum += part[a];
        return sum / D;
    };
    const float mean = mean_of([&](int c) { return x[c]; });
    const float square = mean_of([&](int c) { return (x[c] - mean) * (x[c] - mean); });
    const float factor = 1.0f / sqrtf(square + 1e-5f);
    for (int c = 0; c < D; ++c) {
        const float value = (x[c] - mean) * factor;
        y[c] = scale ? value * wp::float32(scale[c]) + wp::float32(shift[c]) : value;
    }
};
(void)normalize;
