// One basis function of each leaf of a group, before orthonormalisation: the closed leaf's matrix (leaves/rows.h)
// solved with a start function times the diagonal. slot = group * FUNCTIONS + function; raw [group, FUNCTIONS, L, W].
// Start functions are [FUNCTIONS, L] for all leaves (own = 0) or [leaves, FUNCTIONS, L] (own = 1).
const int group = slot / FUNCTIONS, function = slot % FUNCTIONS;
const int* leaf_of = members.data + group * W;
int stale = 0;
for (int w = 0; w < W; ++w) stale |= leaf_of[w] >= 0 ? changed.data[leaf_of[w]] : 0;
if (!stale) return;
double* x = raw.data + slot * (L * W);
HP_SCALAR
for (int i = 0; i < L; ++i) HP_PER_LANE(w, 0, W) {
    const int leaf = leaf_of[w];
    const float* from = start.data + ((own ? leaf * FUNCTIONS : 0) + function) * L;
    x[i * W + w] = leaf >= 0 ? double(from[i]) * diagonal.data[leaf * L + i] : 0.0;
}
substitute(factor.data + group * (L * (BW + 1) * W), x);
