// vector = field where the mask is set, else 0; field is any array, by address and strides in bytes. One leaf a block.
const int b = slot, ox = origin.data[3 * b], oy = origin.data[3 * b + 1], oz = origin.data[3 * b + 2];
const int ux = used.data[3 * b], uy = used.data[3 * b + 1], uz = used.data[3 * b + 2];
const char* base = reinterpret_cast<const char*>(field);
HP_ROWS {
    constexpr int V = HP_ROW_LENGTH;
    const int i = b * L + l;
    const char* from = base + (ox + x) * sx + (oy + y) * sy + (oz + z) * sz;
    const bool inside = x < ux && y < uy;
    double value[V];
    if (inside && z + V <= uz && sz == sizeof(S)) {                            // cells side by side: a vector
        const S* row = reinterpret_cast<const S*>(from);
        for (int v = 0; v < V; ++v) value[v] = mask.data[i + v] ? double(row[v]) : 0.0;
    } else {
        for (int v = 0; v < V; ++v)
            value[v] = inside && z + v < uz && mask.data[i + v] ? double(*reinterpret_cast<const S*>(from + v * sz)) : 0.0;
    }
    for (int v = 0; v < V; ++v) vector.data[i + v] = value[v];
}
