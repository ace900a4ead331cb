// The basis of one leaf from its start functions (leaves/loose.h), in one block: first the constants of its pieces, which
// carry the null space, then as many functions from the inverse step as there is room for.
const int constants = piece_count.data[leaf], room = R - constants;
for (int function = 0; function < R && function < constants; ++function)
    add_function(leaf, function, [&](int l) { return pieces.data[leaf * L + l] == function + 1 ? 1.0 : 0.0; });
none_loose();
group_loose(leaf, 0, room);
auto start_of = [&](int function, int i) { return start_value(leaf, 0, function, i); };
for (int first = 0; first < room; first += TOGETHER) {
    const int count = room - first < TOGETHER ? room - first : TOGETHER;
    inverse_steps(first, count, start_of);
    for (int c = 0; c < count; ++c)
        add_function(leaf, constants + first + c, [&](int l) { return pieces.data[leaf * L + l] ? x[l * TOGETHER + c] : 0.0; });
}
