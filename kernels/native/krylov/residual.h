// The true residual r = b - A x in double precision, and per slot r.r and the square of the sizes that cancel in it,
// |b_i| + a_ii |x_i|: rounding leaves a residual of about these times the unit roundoff.
HP_SHARED double tile[TILE];
clear_tile(tile);
const int n = leaves * L;
double rr[ACCUMULATORS] = {}, terms[ACCUMULATORS] = {};
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> double { return x_.data[i]; });
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l;
        double residual[V];
        for (int v = 0; v < V; ++v)
            residual[v] = rhs.data[i + v] -
                          stencil(tile, h + v, x_.data[i + v], diagonal.data, conductance.data, n, i + v);
        for (int v = 0; v < V; ++v) r.data[i + v] = T(residual[v]);
        for (int v = 0; v < V; ++v) rr[v % ACCUMULATORS] += residual[v] * residual[v];
        for (int v = 0; v < V; ++v) {
            const double term = fabs(rhs.data[i + v]) + diagonal.data[i + v] * fabs(x_.data[i + v]);
            terms[v % ACCUMULATORS] += term * term;
        }
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
const double total = block_sum(lane_sum(rr));
const double terms_total = block_sum(lane_sum(terms));
if (lane == 0) {
    rr_slots.data[slot] = total;
    terms_slots.data[slot] = terms_total;
}
