// p = z + beta p_old; q = A p; p.q per slot. Neighbours' values are formed again from p_old, so p goes to the other of
// two buffers; which is which alternates with the iteration. beta = 0 starts afresh, whatever p_old holds.
HP_SHARED T tile[TILE];
const int n = leaves * L;
const T* __restrict__ from_z = z_.data;
const bool odd = counter.data[ITERATION] % 2;
const T* __restrict__ from_p = odd ? p_odd.data : p_even.data;
T* __restrict__ to_p = odd ? p_even.data : p_odd.data;
T* __restrict__ to_q = q.data;
const T beta = T(state.data[BETA]);
double pq[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    if (beta == T(0))
        load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> T { return from_z[i]; });
    else
        load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> T { return from_z[i] + beta * from_p[i]; });
    HP_CELLS {
        const int h = at(x, y, z), i = b * L + l;
        const T own = beta == T(0) ? from_z[i] : from_z[i] + beta * from_p[i];
        const T product = stencil(tile, h, own, diagonal.data, conductance.data, n, i);
        to_p[i] = own;
        to_q[i] = product;
        pq[z % ACCUMULATORS] += double(own) * double(product);
    }
    HP_SYNC;
}
const double total = block_sum(lane_sum(pq));
if (lane == 0) pq_slots.data[slot] = total;
