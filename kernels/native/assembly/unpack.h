// field = vector, the inverse of assembly/pack.h. One leaf a block.
const int b = slot, ox = origin.data[3 * b], oy = origin.data[3 * b + 1], oz = origin.data[3 * b + 2];
const int ux = used.data[3 * b], uy = used.data[3 * b + 1], uz = used.data[3 * b + 2];
char* base = reinterpret_cast<char*>(field);
HP_CELLS {
    if (x < ux && y < uy && z < uz)
        *reinterpret_cast<S*>(base + (ox + x) * sx + (oy + y) * sy + (oz + z) * sz) = S(vector.data[b * L + l]);
}
