// A node's rows of the band, from its blocks (galerkin.h): lower triangle, row q, column m at
// band[q * width + m - q + width - 1]. A neighbour in two directions has its blocks added. Rows that no changed node touches
// stay.
const int b = slot, here = row_of(b * R), rank_here = rank_of(b);
int stale = changed.data[b];
for (int d = 0; d < DIRECTIONS; ++d) stale |= changed.data[neighbor.data[b * DIRECTIONS + d]];
if (!stale) return;
double* own = band.data + (long long)here * width;
const double* block = blocks.data + (long long)b * ((DIRECTIONS + 1) * R * R);
for (int t = lane; t < rank_here * width; t += lanes) own[t] = 0.0;
HP_SYNC;
for (int d = 0; d <= DIRECTIONS; ++d) {
    const int j = d < DIRECTIONS ? neighbor.data[b * DIRECTIONS + d] : b;
    const int there = row_of(j * R), rank_there = rank_of(j);
    const bool counts = d == DIRECTIONS || (side.data[b * DIRECTIONS + d] == 0 && j <= b);
    for (int t = lane; t < (counts ? R * R : 0); t += lanes) {
        const int f = t / R, g = t % R;
        if (f < rank_here && g < rank_there && (j < b || g <= f))
            own[f * width + width - 1 - f + there - here + g] += block[d * R * R + t];
    }
    HP_SYNC;
}
