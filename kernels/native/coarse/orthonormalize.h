// The basis of one leaf from raw functions (leaves/inverse_step.h, leaves/raw.h): first the constants of its pieces,
// which carry the null space (WEIGHTED: of a brick, whose cells are functions, the constant's coefficients in them), then
// as many raw functions as there is room for. An unchanged leaf keeps its basis.
const int leaf = slot;
if (!changed.data[leaf]) return;
const int place = places.data[leaf], constants = piece_count.data[leaf];
for (int function = 0; function < R; ++function) {
    const double* source = raw.data + ((place / W) * (R > 1 ? R - 1 : 1) + function - constants) * (L * W) + place % W;
    add_function(leaf, function, [&](int l) -> double {
        const int piece = pieces.data[leaf * L + l];
        if (function < constants) return piece == function + 1 ? (WEIGHTED ? weight.data[leaf * L + l] : 1.0) : 0.0;
        return piece ? source[l * W] : 0.0;
    });
}
