// Factors of one group (leaves/band.h), stored as [groups, L, BW + 1, W]. A group without a changed leaf keeps its own.
const int* group = members.data + slot * W;
int stale = 0;
for (int w = 0; w < W; ++w) stale |= group[w] >= 0 ? changed.data[group[w]] : 0;
if (!stale) return;
factor_group(group, factor.data + slot * (L * (BW + 1) * W));
