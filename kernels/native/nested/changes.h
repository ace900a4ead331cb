// changed[brick] = 1 where rows of a node's blocks may have changed, else 0; the diagonal in brick order, 1 for absent nodes.
const int* own = nodes.data + slot * BY;
int stale = 0;
for (int p = 0; p < BY; ++p) {
    if (own[p] < 0) continue;
    stale |= node_changed.data[own[p]];
    for (int d = 0; d < DIRECTIONS; ++d) stale |= node_changed.data[neighbor.data[own[p] * DIRECTIONS + d]];
}
if (lane == 0) changed.data[slot] = stale;
HP_CELLS {
    const long long block = ((long long)own[y] * (DIRECTIONS + 1) + DIRECTIONS) * (R * R);
    diagonal.data[slot * L + l] = own[y] >= 0 ? blocks.data[block + z * R + z] : 1.0;
}
