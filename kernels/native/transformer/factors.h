// From the heads' outputs to M's factors (hpsolver/network/factors.py). u = (1 + raw / sqrt(L)) on fluid rows, from raw
// [N, L]; bases and gates from heads [N, 2 RANK + 1]. M may have any scale, so factors are divided by the largest number
// there is in the blocks, which is on a diagonal, and in the bases, against overflow in half precision.
const float root = 1.0f / sqrtf(wp::float32(L));
constexpr int HEAD_COLUMNS = 2 * RANK + 1;
auto is_fluid = [&](int i) -> bool { return fluid.data[i] == FLUID; };
auto product = [&](int i, int j) -> float {                               // (u u^T) of rows i and j of one leaf
    if (!is_fluid(i) || !is_fluid(j)) return 0.0f;
    const float *a = raw.data + (long long)i * L, *b = raw.data + (long long)j * L;
    float part[8] = {}, sum = 0.0f;
    for (int m = 0; m < L; m += 8)
        for (int v = 0; v < 8; ++v) part[v] += a[m + v] * b[m + v];
    for (int v = 0; v < 8; ++v) sum += part[v];
    return sum * root * root + root * (a[j % L] + b[i % L]) + (i == j ? 1.0f : 0.0f);
};
auto jacobi = [&](int i) -> float {                                       // g / a_ii
    const float gate = 1.0f / (1.0f + expf(-heads.data[(long long)i * HEAD_COLUMNS + 2 * RANK]));
    return gate / scaled.data[DIRECTIONS * leaves * L + i];
};
auto base_of = [&](int i, int r) -> float {
    return is_fluid(i) ? heads.data[(long long)i * HEAD_COLUMNS + r] / sqrtf(wp::float32(RANK)) : 0.0f;
};
(void)product; (void)jacobi; (void)base_of;
