// The true residual of x = 0, r = b, and what krylov/residual.h sums.
double rr[ACCUMULATORS] = {};
const int end = share_of(slot + 1, leaves) * L;
for (int i = share_of(slot, leaves) * L + lane * STRIP; i < end; i += lanes * STRIP) {
    double b[STRIP];
    for (int v = 0; v < STRIP; ++v) b[v] = rhs.data[i + v];
    for (int v = 0; v < STRIP; ++v) r.data[i + v] = T(b[v]);
    for (int v = 0; v < STRIP; ++v) rr[v % ACCUMULATORS] += b[v] * b[v];
}
const double total = block_sum(lane_sum(rr));
if (lane == 0) rr_slots.data[slot] = terms_slots.data[slot] = total;
