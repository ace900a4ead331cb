// The inverse step of one function for a group of leaves or bricks: x [L, W] = the closed matrices, factored in f
// (leaves/band.h), solved with a start function times the diagonal. Start functions are [FUNCTIONS, L] for all leaves
// (own = 0) or [leaves, FUNCTIONS, L] (own = 1).
auto group_step = [&](const int* group, int function, const double* f, double* x) {
    HP_SCALAR
    for (int i = 0; i < L; ++i) HP_PER_LANE(w, 0, W) {
        const int leaf = group[w];
        const float* from = start.data + (long long)((own ? leaf * FUNCTIONS : 0) + function) * L;
        x[i * W + w] = leaf >= 0 ? double(from[i]) * diagonal.data[leaf * L + i] : 0.0;
    }
    substitute(f, x);
};
