// One basis function of each brick of a group, before orthonormalisation (leaves/group_step.h). slot = group * FUNCTIONS +
// function; raw [group, FUNCTIONS, L, W].
const int number = slot / FUNCTIONS;
const int* group = members.data + number * W;
if (!group_changed(group)) return;
group_step(group, slot % FUNCTIONS, factor.data + number * (L * (BW + 1) * W), raw.data + slot * (L * W));
