// Unites the pieces that the lower faces of one leaf join with those of its neighbours, and marks them as linked.
const int n = leaves * L, b = slot;
#pragma unroll
for (int d = 0; d < DIRECTIONS; d += 2) {
    if (side.data[b * DIRECTIONS + d] != 0) continue;
    const int j = neighbor.data[b * DIRECTIONS + d];
    const Face face = face_of(b, j, d, used.data);
    int last = -1, across = -1;                     // the pair united last: the next one is mostly the same
    for (int t = lane; t < face.cells; t += lanes) {
        const int here = b * L + face.here(t);
        if (!(conductance.data[(long long)d * n + here] > 0.0)) continue;
        const int mine = label.data[here], other = label.data[j * L + face.there(t)];
        if (mine == last && other == across) continue;
        last = mine, across = other;
        linked.data[mine] = linked.data[other] = 1;
        unite(mine, other);
    }
}
