// What each cell is, from the caller's masks and signed distance, read by address and strides. One leaf a block.
const int b = slot, ox = origin.data[3 * b], oy = origin.data[3 * b + 1], oz = origin.data[3 * b + 2];
const int ux = used.data[3 * b], uy = used.data[3 * b + 1], uz = used.data[3 * b + 2];
unsigned char* __restrict__ kind = kinds.data + b * L;
double* __restrict__ distance = phi.data + b * L;
auto at = [&](unsigned long long first, long long to_x, long long to_y, long long to_z) {
    return reinterpret_cast<const char*>(first) + ox * to_x + oy * to_y + oz * to_z;
};
// A lane keeps to its own cells from loop to loop: no barrier. Loops read the caller's arrays only inside the grid.
HP_CELLS {
    kind[l] = x < ux && y < uy && z < uz && !resting.data[b * L + l];
    distance[l] = -1.0;
}
if (solid) {
    const char* mask = at(solid, solid_x, solid_y, solid_z);
    HP_CELLS if (x < ux && y < uy && z < uz) kind[l] = kind[l] && !mask[x * solid_x + y * solid_y + z * solid_z];
}
if (air) {
    const char* mask = at(air, air_x, air_y, air_z);
    HP_CELLS if (x < ux && y < uy && z < uz && mask[x * air_x + y * air_y + z * air_z] && kind[l]) {
        kind[l] = 2;
        distance[l] = 0.0;
    }
}
if (field) {
    const char* to = at(field, sx, sy, sz);
    HP_CELLS if (x < ux && y < uy && z < uz && kind[l]) {
        const double value = *reinterpret_cast<const S*>(to + x * sx + y * sy + z * sz);
        kind[l] = value >= 0.0 ? 2 : value > -1e300 ? 1 : 3;
        distance[l] = value;
    }
}
HP_CELLS fluid.data[b * L + l] = kind[l] & 1;
