// vector = field where the mask is set, else 0; field is any array, by address and strides in bytes. One leaf a block.
const int b = slot, ox = origin.data[3 * b], oy = origin.data[3 * b + 1], oz = origin.data[3 * b + 2];
const int ux = used.data[3 * b], uy = used.data[3 * b + 1], uz = used.data[3 * b + 2];
const char* base = reinterpret_cast<const char*>(field);
HP_CELLS {
    const int i = b * L + l;
    double value = 0.0;
    if (x < ux && y < uy && z < uz && mask.data[i])
        value = *reinterpret_cast<const S*>(base + (ox + x) * sx + (oy + y) * sy + (oz + z) * sz);
    vector.data[i] = value;
}
