// What each cell is, from the caller's masks and signed distance: bytes and numbers of any array, cell by cell. One leaf a block.
const int b = slot, ox = origin.data[3 * b], oy = origin.data[3 * b + 1], oz = origin.data[3 * b + 2];
const int ux = used.data[3 * b], uy = used.data[3 * b + 1], uz = used.data[3 * b + 2];
const char *distances = reinterpret_cast<const char*>(field), *solids = reinterpret_cast<const char*>(solid);
const char* airs = reinterpret_cast<const char*>(air);
HP_CELLS {
    const int i = b * L + l;
    const long long X = ox + x, Y = oy + y, Z = oz + z;
    const bool inside = x < ux && y < uy && z < uz;
    unsigned char kind = inside && !resting.data[i] ? 1 : 0;
    if (kind && solids) kind = solids[X * solid_x + Y * solid_y + Z * solid_z] ? 0 : 1;
    double distance = -1.0;
    if (kind && airs && airs[X * air_x + Y * air_y + Z * air_z]) kind = 2, distance = 0.0;
    if (kind && distances) {
        distance = *reinterpret_cast<const S*>(distances + X * sx + Y * sy + Z * sz);
        if (distance >= 0.0) kind = 2;
    }
    kinds.data[i] = kind;
    fluid.data[i] = kind == 1;
    phi.data[i] = distance;
}
