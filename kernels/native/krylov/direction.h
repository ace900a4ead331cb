// p = z + beta p_old; q = A p; p.q per slot. Neighbours' values are formed again from p_old, so p goes to the other of
// two buffers, which change places in each iteration. beta = 0 starts afresh from z + 0 z, whatever p_old holds.
HP_SHARED T tile[TILE];
clear_tile(tile);
const int n = leaves * L;
const T* __restrict__ from_z = z_.data;
const T* __restrict__ from_diagonal = diagonal.data;
const T* __restrict__ from_conductance = conductance.data;
const T beta = T(state.data[BETA]);
const bool odd = counter.data[ITERATION] % 2;
const T* __restrict__ from_p = beta == T(0) ? from_z : odd ? p_odd.data : p_even.data;
T* __restrict__ to_p = odd ? p_even.data : p_odd.data;
T* __restrict__ to_q = q.data;
auto direction = [&](int i, int) -> T { return from_z[i] + beta * from_p[i]; };
double pq[ACCUMULATORS] = {};
HP_SLOT(b, leaves) {
    load_tile(tile, b, neighbor.data, used.data, direction);
    HP_ROWS {
        constexpr int V = HP_ROW_LENGTH;
        const int h = at(x, y, z), i = b * L + l;
        T own[V], product[V];
        for (int v = 0; v < V; ++v) own[v] = from_z[i + v] + beta * from_p[i + v];
        for (int v = 0; v < V; ++v) product[v] = stencil(tile, h + v, own[v], from_diagonal, from_conductance, n, i + v);
        for (int v = 0; v < V; ++v) to_p[i + v] = own[v];
        for (int v = 0; v < V; ++v) to_q[i + v] = product[v];
        for (int v = 0; v < V; ++v) pq[v % ACCUMULATORS] += double(own[v]) * double(product[v]);
    }
    HP_SYNC;                                        // the tile was read; the next brick's is written
}
const double total = block_sum(lane_sum(pq));
if (lane == 0) pq_slots.data[slot] = total;
