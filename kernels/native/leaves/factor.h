// Factors of one group (leaves/band.h), stored as [groups, L, BW + 1, W]. A group without a changed leaf keeps its own.
const int* group = members.data + slot * W;
if (!group_changed(group)) return;
factor_group(group, factor.data + slot * (L * (BW + 1) * W));
