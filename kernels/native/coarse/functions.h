// The basis of one leaf from its start functions, in one block: first the constants of its pieces, which carry the null
// space, then as many functions from the inverse step as there is room for.
const int constants = piece_count.data[leaf];
for (int function = 0; function < R && function < constants; ++function)
    add_function(leaf, function, [&](int l) { return pieces.data[leaf * L + l] == function + 1 ? 1.0 : 0.0; });
for (int first = 0; first < R - constants; first += TOGETHER) {
    const int room = R - constants - first, count = room < TOGETHER ? room : TOGETHER;
    inverse_steps(first, count);
    for (int c = 0; c < count; ++c)
        add_function(leaf, constants + first + c, [&](int l) { return pieces.data[leaf * L + l] ? x[l * TOGETHER + c] : 0.0; });
}
