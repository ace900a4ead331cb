// p = z + beta p_old; q = A p; p.q per slot. p_old stays as it was: neighbours' values are formed again from it.
HP_SHARED T tile[TILE];
const int n = leaves * L;
const T* __restrict__ from_z = z_.data;
const T* __restrict__ from_p = p_old.data;
T* __restrict__ to_p = p.data;
T* __restrict__ to_q = q.data;
const T beta = T(state.data[BETA]);
double pq[ACCUMULATORS] = {};
for (int b = slot; b < leaves; b += slots) {
    load_tile(tile, b, neighbor.data, used.data, [&](int i, int) -> T { return from_z[i] + beta * from_p[i]; });
    HP_CELLS {
        const int h = at(x, y, z), i = b * L + l;
        const T product = stencil(tile, h, diagonal.data, conductance.data, n, i);
        to_p[i] = tile[h];
        to_q[i] = product;
        pq[z % ACCUMULATORS] += double(tile[h]) * double(product);
    }
    HP_SYNC;
}
const double total = block_sum(lane_sum(pq));
if (lane == 0) pq_slots.data[slot] = total;
