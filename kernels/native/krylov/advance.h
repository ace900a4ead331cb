// alpha = r.z / p.q; x += alpha p; r -= alpha q; r.r per slot. Leaves everything as it is when alpha is not a positive
// number or the loop has ended, so that x stays the last good iterate. take_strip: krylov/scaled.h or unscaled.h.
const double pq = array_sum(pq_slots.data, slots), rz = state.data[RZ], alpha = rz / pq;
const bool advances = active.data[0] != 0 && pq > 0.0 && alpha > 0.0 && alpha < 1e300;
double rr[ACCUMULATORS] = {};
if (advances) {
    const T step = T(alpha);
    const T* __restrict__ from_p = counter.data[ITERATION] % 2 ? p_even.data : p_odd.data;
    const T* __restrict__ from_q = q.data;
    double* __restrict__ to_x = x_.data;
    T* __restrict__ to_r = r.data;
    const int end = share_of(slot + 1, leaves) * L;
    for (int i = share_of(slot, leaves) * L + lane * STRIP; i < end; i += lanes * STRIP) {
        T residual[STRIP];
        for (int v = 0; v < STRIP; ++v) to_x[i + v] += alpha * double(from_p[i + v]);
        for (int v = 0; v < STRIP; ++v) residual[v] = to_r[i + v] - step * from_q[i + v];
        for (int v = 0; v < STRIP; ++v) to_r[i + v] = residual[v];
        for (int v = 0; v < STRIP; ++v) rr[v % ACCUMULATORS] += double(residual[v]) * double(residual[v]);
        take_strip(i, residual);
    }
}
const double total = block_sum(lane_sum(rr));
if (lane == 0) rr_slots.data[slot] = total;
finish_strips();
