// Inverses of a leaf's planes as G^T G, from leaves/eliminate_planes.h: G = D^-1/2 L^-1 of the plane's Schur complement.
// `inverse` [leaves, PLANES, BW + 1, BW] has for each plane the symmetric array whose lower triangle is G, its cells
// counted from the end in half 1, and the conductances to the next plane towards the middle. Like the root of a whole
// leaf (leaves/root.h) G can be rounded; it has BW + 1 numbers a cell instead of L. An unchanged leaf keeps its numbers.
// Longest chain: BW steps of a product, one column a lane.
constexpr int SLOW = BX > 1 ? 2 : BY > 1 ? 1 : 0;                         // the axis across the planes
for (int j = lane; j < L; j += lanes) {
    const int half = j >= ROWS, column = half ? j - ROWS : j, first = column / BW * BW, q = column / BW;
    const double *band = f + half * ROWS * ROW, *inverses = pivot + half * ROWS;
    M* out = inverse.data + (long long)leaf * (L * ROW) + (half ? PLANES - 1 - q : q) * (BW * ROW);
    double next[BW] = {};                                                 // what the next rows lose to those before
    for (int i = first; i < first + BW; ++i) {
        const double value = (i == column ? 1.0 : 0.0) - next[0];
#pragma unroll
        for (int k = 1; k < BW; ++k)
            next[k - 1] = next[k] + (i + k < first + BW ? band[(i + k) * ROW + k] * inverses[i] : 0.0) * value;
        if (i >= column)
            out[(i - first) * BW + column - first] = out[(column - first) * BW + i - first] = M(value * sqrt(inverses[i]));
    }
    // A coupling is the conductance of the later of two planes to the one before.
    const bool couples = half || q < MIDDLE;
    const long long cell = (long long)leaf * L + (half ? L - 1 - column : column + (couples ? BW : 0));
    out[SQUARE + column - first] = M(couples ? conductance.data[2 * SLOW * (long long)(leaves * L) + cell] : 0.0);
}
