// p = z + beta p_old; q = A p; p.q per slot. Neighbours' values are formed again from p_old, so p goes to the other of
// two buffers, which change places in each iteration. beta = 0 starts afresh from z + 0 z, whatever p_old holds.
const T* __restrict__ from_z = z_.data;
const T beta = T(state.data[BETA]);
const bool odd = counter.data[ITERATION] % 2;
const T* __restrict__ from_p = beta == T(0) ? from_z : odd ? p_odd.data : p_even.data;
T* __restrict__ to_p = odd ? p_even.data : p_odd.data;
T* __restrict__ to_q = q.data;
double pq[ACCUMULATORS] = {};
each_product(
    diagonal.data, conductance.data, [&](int i) -> T { return from_z[i] + beta * from_p[i]; },
    [&](int i, const auto& own, const auto& product) {
        for (int v = 0; v < HP_ROW_LENGTH; ++v) to_p[i + v] = own[v];
        for (int v = 0; v < HP_ROW_LENGTH; ++v) to_q[i + v] = product[v];
        for (int v = 0; v < HP_ROW_LENGTH; ++v) pq[v % ACCUMULATORS] += double(own[v]) * double(product[v]);
    });
const double total = block_sum(lane_sum(pq));
if (lane == 0) pq_slots.data[slot] = total;
