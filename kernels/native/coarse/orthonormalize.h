// The basis of one leaf: first the constants of its pieces, which carry the null space (WEIGHTED: of a brick, whose
// cells are functions, the constant's coefficients in them), then as many raw functions as there is room for.
// Gram-Schmidt makes them orthonormal; once is enough, since only their span and a fair conditioning matter. A function
// that depends on the earlier ones, or has no fluid cell, becomes zero: a masked slot.
constexpr double DEPENDENT = 1e-5;
if (!changed.data[slot]) return;
const int place = places.data[slot], constants = piece_count.data[slot];
M* phi = basis.data + slot * (R * L);
HP_SHARED double v[L];
auto dot = [&](auto a, auto b) -> double {
    double sum[ACCUMULATORS] = {};
    HP_CELLS sum[z % ACCUMULATORS] += a(l) * b(l);
    return block_sum(lane_sum(sum));
};
auto one = [&](int l) { return WEIGHTED ? weight.data[slot * L + l] : 1.0; };
auto current = [&](int l) { return v[l]; };
for (int function = 0; function < R; ++function) {
    const double* source = raw.data + ((place / W) * (R > 1 ? R - 1 : 1) + function - constants) * (L * W) + place % W;
    for (int l = lane; l < L; l += lanes) {
        const int piece = pieces.data[slot * L + l];
        v[l] = function < constants ? (piece == function + 1 ? one(l) : 0.0) : (piece ? source[l * W] : 0.0);
    }
    HP_SYNC;                                        // v is written; products read all of it
    const double before = dot(current, current);
    for (int e = 0; e < function; ++e) {
        const M* earlier = phi + e * L;
        const double along = dot(current, [&](int l) { return double(earlier[l]); });
        for (int l = lane; l < L; l += lanes) v[l] -= along * double(earlier[l]);
        HP_SYNC;                                    // v has lost that part; the next product reads it
    }
    const double after = dot(current, current);
    const double scale = after > DEPENDENT * DEPENDENT * before ? 1.0 / sqrt(after) : 0.0;
    for (int l = lane; l < L; l += lanes) phi[function * L + l] = M(scale > 0.0 ? scale * v[l] : 0.0);
    HP_SYNC;                                        // phi is written; later functions read it, v is reused
}
