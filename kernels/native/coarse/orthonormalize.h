// The basis of one brick of nodes from raw functions (leaves/inverse_step.h, leaves/raw.h): first the constants of its
// pieces, by their coefficients `weight` in the nodes' functions, which carry the null space, then as many raw functions as
// there is room for. An unchanged brick keeps its basis.
const int leaf = slot;
if (!changed.data[leaf]) return;
const int place = places.data[leaf], constants = piece_count.data[leaf];
for (int function = 0; function < R; ++function) {
    const double* source = raw.data + ((place / W) * (R > 1 ? R - 1 : 1) + function - constants) * (L * W) + place % W;
    add_function(leaf, function, [&](int l) -> double {
        const int piece = pieces.data[leaf * L + l];
        if (function < constants) return piece == function + 1 ? weight.data[leaf * L + l] : 0.0;
        return piece ? source[l * W] : 0.0;
    });
}
