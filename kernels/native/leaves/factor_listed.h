// Factors of the leaves of one group of `listed` (leaves/band.h), each put in its place of `factor` [groups, L, BW + 1, W] as F.
// They are made there if the group is one of `members` and F is double, else in an array of this block's own. For the CPU.
const int* group = listed.data + slot * W;
if (group[0] < 0) return;
const int first = places.data[group[0]];
bool whole = first % W == 0;
for (int w = 0; whole && w < W; ++w) whole = members.data[first + w] == group[w];
F* all = factor.data + (long long)first * (L * (BW + 1));                 // of the group, if it is whole
constexpr bool IN_PLACE = sizeof(F) == sizeof(double);
double f[L * (BW + 1) * W];
factor_group(group, whole && IN_PLACE ? (double*)all : f);
if (whole) {
    for (int t = 0; !IN_PLACE && t < L * (BW + 1); ++t) HP_PER_LANE(w, 0, W) all[t * W + w] = F(f[t * W + w]);
    return;
}
for (int w = 0; w < W && group[w] >= 0; ++w) {
    const int place = places.data[group[w]];
    F* to = factor.data + (long long)(place / W) * (L * (BW + 1) * W) + place % W;
    HP_SCALAR
    for (int t = 0; t < L * (BW + 1); ++t) to[t * W] = F(f[t * W + w]);
}
