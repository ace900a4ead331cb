// field = vector, the inverse of assembly/pack.h. One leaf a block.
const int b = slot, ox = origin.data[3 * b], oy = origin.data[3 * b + 1], oz = origin.data[3 * b + 2];
const int ux = used.data[3 * b], uy = used.data[3 * b + 1], uz = used.data[3 * b + 2];
char* base = reinterpret_cast<char*>(field);
HP_ROWS {
    constexpr int V = HP_ROW_LENGTH;
    const double* from = vector.data + b * L + l;
    char* to = base + (ox + x) * sx + (oy + y) * sy + (oz + z) * sz;
    if (x >= ux || y >= uy) continue;
    if (z + V <= uz && sz == sizeof(S)) {                                      // cells side by side: a vector
        S value[V];
        for (int v = 0; v < V; ++v) value[v] = S(from[v]);
        for (int v = 0; v < V; ++v) reinterpret_cast<S*>(to)[v] = value[v];
    } else {
        for (int v = 0; v < V && z + v < uz; ++v) *reinterpret_cast<S*>(to + v * sz) = S(from[v]);
    }
}
