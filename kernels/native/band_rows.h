// A node's rows of the band, from its blocks (galerkin.h), lower triangle alone. A neighbour in two directions has its blocks
// added. Rows that no changed node touches stay.
const int b = slot, here = row_of(b * R), rank_here = rank_of(b), last = here + rank_here - 1;
int stale = changed.data[b];
for (int d = 0; d < DIRECTIONS; ++d) stale |= changed.data[neighbor.data[b * DIRECTIONS + d]];
if (!stale) return;
const double* block = blocks.data + (long long)b * ((DIRECTIONS + 1) * R * R);
for (long long t = start_of(here) + lane; t <= at_of(last) + last; t += lanes) band.data[t] = 0.0;
HP_SYNC;
for (int d = 0; d <= DIRECTIONS; ++d) {
    const int j = d < DIRECTIONS ? neighbor.data[b * DIRECTIONS + d] : b;
    const int there = row_of(j * R), rank_there = rank_of(j);
    const bool counts = d == DIRECTIONS || (side.data[b * DIRECTIONS + d] == 0 && j <= b);
    for (int t = lane; t < (counts ? R * R : 0); t += lanes) {
        const int f = t / R, g = t % R;
        if (f < rank_here && g < rank_there && (j < b || g <= f))
            band.data[at_of(here + f) + there + g] += block[d * R * R + t];
    }
    HP_SYNC;
}
