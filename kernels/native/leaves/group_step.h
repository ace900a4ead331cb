// The inverse step of one function for a group of leaves or bricks: x [L, W] = the closed matrices, factored in f
// (leaves/band.h), solved with a start function times the diagonal. start_of(leaf, w, i): its value at cell i.
auto group_step = [&](const int* group, const double* f, double* x, auto start_of) {
    HP_SCALAR
    for (int i = 0; i < L; ++i) HP_PER_LANE(w, 0, W) {
        const int leaf = group[w];
        x[i * W + w] = leaf >= 0 ? start_of(leaf, w, i) * diagonal.data[leaf * L + i] : 0.0;
    }
    substitute(f, x);
};
