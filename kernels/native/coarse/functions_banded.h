// The bases of the changed leaves of one group, from their start functions (leaves/loose.h): first the constants of a
// leaf's pieces, which carry the null space, then as many functions from the inverse step as there is room for. The closed
// leaves are factored by leaves/band.h: on the CPU into an array of this block's own, which stays in the cache, on CUDA
// into `factor` [groups, L, BW + 1, W].
const int* group = members.data + slot * W;
if (!group_changed(group)) return;
auto each_leaf = [&](auto visit) {
    for (int w = 0; w < W; ++w)
        if (group[w] >= 0 && changed.data[group[w]]) visit(group[w], w);
};
none_loose();
each_leaf([&](int leaf, int w) {
    for (int function = 0; function < R && function < piece_count.data[leaf]; ++function)
        add_function(leaf, function, [&](int l) { return pieces.data[leaf * L + l] == function + 1 ? 1.0 : 0.0; });
    group_loose(leaf, w, R - piece_count.data[leaf]);
});
#if defined(__CUDA_ARCH__)
double* f = factor.data + slot * (L * (BW + 1) * W);
#else
double f[FUNCTIONS > 0 ? L * (BW + 1) * W : 1];
#endif
HP_SHARED double x[L * W];
if (FUNCTIONS > 0) factor_group(group, f);
for (int j = 0; j < FUNCTIONS; ++j) {
    group_step(group, f, x, [&](int leaf, int w, int i) { return start_value(leaf, w, j, i); });
    HP_SYNC;                                        // a lane solved for its leaf, all lanes add the function
    each_leaf([&](int leaf, int w) {
        const int function = piece_count.data[leaf] + j;
        if (function < R) add_function(leaf, function, [&](int l) { return pieces.data[leaf * L + l] ? x[l * W + w] : 0.0; });
    });
    HP_SYNC;                                        // x was read; the next function overwrites it
}
