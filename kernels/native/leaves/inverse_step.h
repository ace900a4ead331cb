// One basis function of each brick of a group, before orthonormalisation (leaves/group_step.h). slot = group * FUNCTIONS +
// function; raw [group, FUNCTIONS, L, W].
const int number = slot / FUNCTIONS;
const int* group = members.data + number * W;
if (!group_changed(group)) return;
auto given = [&](int leaf, int, int i) { return given_start(leaf, slot % FUNCTIONS, i); };
group_step(group, factor.data + number * (L * (BW + 1) * W), raw.data + slot * (L * W), given);
