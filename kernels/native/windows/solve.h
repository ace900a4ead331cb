// W windows a block: solved = Q_i Q_i^T (D^1/2 r on the window), [groups, L, W]. Q_i Q_i^T is the inverse of the window's
// matrix, by its factor or as a dense root, or of low rank (RANK > 0).
HP_SHARED T u[L * W];
const int* group = members.data + slot * W;
for (int l = lane; l < L; l += lanes)
    for (int w = 0; w < W; ++w) {
        const int c = group[w] < 0 ? -1 : cells.data[group[w] * L + l];
        u[l * W + w] = c < 0 ? T(0) : T(weight.data[c] * r.data[c]);
    }
HP_SYNC;                                            // u is written; the solve reads all of it
if (RANK > 0) {
    attend(factor.data + (long long)group[0] * (L * RANK), u);
} else if (DENSE) {
    multiply_root(factor.data + (long long)group[0] * (L * L), u);
} else {
    substitute(factor.data + (long long)slot * (L * (BW + 1) * W), u);
}
HP_SYNC;                                            // u is solved; it is written out
for (int t = lane; t < L * W; t += lanes) solved.data[slot * (L * W) + t] = u[t];
HP_SYNC;                                            // u was read; the next group writes it
