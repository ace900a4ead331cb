// alpha = r.z / p.q; x += alpha p; r -= alpha q; r.r per slot. Leaves everything as it is when alpha is not
// a positive number or the loop has ended, so that x stays the last good iterate.
const double pq = array_sum(pq_slots.data, slots), rz = state.data[RZ], alpha = rz / pq;
const bool advances = active.data[0] != 0 && pq > 0.0 && alpha > 0.0 && alpha < 1e300;
double rr[ACCUMULATORS] = {};
if (advances) {
    const T step = T(alpha);
    const T* __restrict__ from_p = counter.data[ITERATION] % 2 ? p_even.data : p_odd.data;
    const T* __restrict__ from_q = q.data;
    double* __restrict__ to_x = x_.data;
    T* __restrict__ to_r = r.data;
    for (int b = slot; b < leaves; b += slots) {
        HP_CELLS {
            const int i = b * L + l;
            to_x[i] += alpha * double(from_p[i]);
            const T residual = to_r[i] - step * from_q[i];
            to_r[i] = residual;
            rr[z % ACCUMULATORS] += double(residual) * double(residual);
        }
    }
}
const double total = block_sum(lane_sum(rr));
if (lane == 0) rr_slots.data[slot] = total;
