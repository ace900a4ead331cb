// Factors of the leaves of one group of `listed` (leaves/band.h), each put in its place of `factor` [groups, L, BW + 1, W].
// They are made there if the group is one of `members`, else in an array of this block's own. For the CPU.
const int* group = listed.data + slot * W;
if (group[0] < 0) return;
const int first = places.data[group[0]];
bool whole = first % W == 0;
for (int w = 0; whole && w < W; ++w) whole = members.data[first + w] == group[w];
if (whole) {
    factor_group(group, factor.data + (long long)first * (L * (BW + 1)));
    return;
}
double f[L * (BW + 1) * W];
factor_group(group, f);
for (int w = 0; w < W && group[w] >= 0; ++w) {
    const int place = places.data[group[w]];
    double* to = factor.data + (long long)(place / W) * (L * (BW + 1) * W) + place % W;
    HP_SCALAR
    for (int t = 0; t < L * (BW + 1); ++t) to[t * W] = f[t * W + w];
}
