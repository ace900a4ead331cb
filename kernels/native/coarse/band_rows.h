// A node's rows of the band, lower triangle alone, from its blocks (coarse/galerkin.h). If a neighbour lies in two
// directions, its blocks are added. The rows stay if neither the node nor a neighbour changed.
const int b = slot, here = b * R;
int stale = changed.data[b];
for (int d = 0; d < DIRECTIONS; ++d) stale |= changed.data[neighbor.data[b * DIRECTIONS + d]];
if (!stale) return;
const double* block = blocks.data + (long long)b * ((DIRECTIONS + 1) * R * R);
double* own = band.data + (long long)here * width;
for (int t = lane; t < R * width; t += lanes) own[t] = 0.0;
HP_SYNC;                                            // rows are zeroed; blocks are added to them
for (int d = 0; d <= DIRECTIONS; ++d) {
    const int j = d < DIRECTIONS ? neighbor.data[b * DIRECTIONS + d] : b;
    const int there = j * R;
    const bool counts = d == DIRECTIONS || (side.data[b * DIRECTIONS + d] == 0 && j <= b);
    for (int t = lane; t < (counts ? R * R : 0); t += lanes) {
        const int f = t / R, g = t % R;
        if (j < b || g <= f)
            band.data[at_of(here + f) + there + g] += block[d * R * R + t];
    }
    HP_SYNC;                                        // two blocks may share a row: in turn
}
