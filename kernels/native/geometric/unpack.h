// z = the finest level's result in brick order, and r.z per slot.
const Level g = level_at(0);
const M* e = g.plain(E);
double rz[ACCUMULATORS] = {};
HP_SLOT_ROWS(b, leaves) {
    constexpr int V = HP_ROW_LENGTH;
    const int *first = origin.data + 3 * b, *u = used.data + 3 * b, i = b * L + l;
    const bool inside = x < u[0] && y < u[1];
    const M* line = e + 2 * g.row(first[0] + x, first[1] + y) + first[2] + z;
    T value[V];
    if (inside && z + V <= u[2])
        for (int v = 0; v < V; ++v) value[v] = T(line[v]);
    else
        for (int v = 0; v < V; ++v) value[v] = inside && z + v < u[2] ? T(line[v]) : T(0);
    for (int v = 0; v < V; ++v) z_.data[i + v] = value[v];
    for (int v = 0; v < V; ++v) rz[v % ACCUMULATORS] += double(r.data[i + v]) * double(value[v]);
}
const double total_rz = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total_rz;
