// The true residual r = b - A x in double precision, and per slot r.r and the square of the sizes that cancel in it,
// |b_i| + a_ii |x_i|: rounding leaves a residual of about these times the unit roundoff.
double rr[ACCUMULATORS] = {}, terms[ACCUMULATORS] = {};
each_product(
    diagonal.data, conductance.data, [&](int i) -> double { return x_.data[i]; },
    [&](int i, const auto& own, const auto& product) {
        constexpr int V = HP_ROW_LENGTH;
        double residual[V];
        for (int v = 0; v < V; ++v) residual[v] = rhs.data[i + v] - product[v];
        for (int v = 0; v < V; ++v) r.data[i + v] = T(residual[v]);
        for (int v = 0; v < V; ++v) rr[v % ACCUMULATORS] += residual[v] * residual[v];
        for (int v = 0; v < V; ++v) {
            const double term = fabs(rhs.data[i + v]) + diagonal.data[i + v] * fabs(own[v]);
            terms[v % ACCUMULATORS] += term * term;
        }
    });
const double total = block_sum(lane_sum(rr));
const double terms_total = block_sum(lane_sum(terms));
if (lane == 0) {
    rr_slots.data[slot] = total;
    terms_slots.data[slot] = terms_total;
}
