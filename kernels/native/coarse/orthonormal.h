// Adds a function to the basis [R, L] of one leaf, orthonormal to those before it (Gram-Schmidt; once is enough, since
// only the span and a fair conditioning matter). A function that depends on the earlier ones, or has no fluid cell,
// becomes zero: a masked slot. `value(l)` is the function, on the fluid. A lane keeps to its own cells, so only sums wait
// for others (block_sum).
constexpr double DEPENDENT = 1e-5;
HP_SHARED double v[L];
auto add_function = [&](int leaf, int function, auto value) {
    M* phi = basis.data + (long long)leaf * (R * L);
    auto dot = [&](auto a, auto b) -> double {
        double sum[ACCUMULATORS] = {};
        HP_CELLS sum[z % ACCUMULATORS] += a(l) * b(l);
        return block_sum(lane_sum(sum));
    };
    auto current = [&](int l) { return v[l]; };
    for (int l = lane; l < L; l += lanes) v[l] = value(l);
    const double before = dot(current, current);
    for (int e = 0; e < function; ++e) {
        const M* earlier = phi + e * L;
        const double along = dot(current, [&](int l) { return double(earlier[l]); });
        for (int l = lane; l < L; l += lanes) v[l] -= along * double(earlier[l]);
    }
    const double after = dot(current, current);
    const double scale = after > DEPENDENT * DEPENDENT * before ? 1.0 / sqrt(after) : 0.0;
    for (int l = lane; l < L; l += lanes) phi[function * L + l] = M(scale > 0.0 ? scale * v[l] : 0.0);
};
