// A node's rows of the whole matrix [pitch, pitch], from its blocks (coarse/galerkin.h), with pins or slack as in
// coarse/band_factor.h; the last node also writes rows of the identity behind its own. If a neighbour lies in two
// directions, its blocks are added. If no node changed, nothing is done, and `stale` = 0 tells the next kernels.
const int b = slot, here = b * R;
double differing = 0.0;
for (int i = lane; i < leaves; i += lanes) differing += changed.data[i];
differing = block_sum(differing);
if (b == 0 && lane == 0) stale.data[0] = differing > 0.0;
if (differing == 0.0) return;
const double* block = blocks.data + (long long)b * ((DIRECTIONS + 1) * R * R);
const int end = b == leaves - 1 ? pitch : here + R;
double* own = matrix.data + (long long)here * pitch;
for (int t = lane; t < (end - here) * pitch; t += lanes) own[t] = t / pitch >= R && t / pitch == t % pitch - here ? 1.0 : 0.0;
HP_SYNC;                                            // rows are zeroed; blocks are added to them
for (int d = 0; d <= DIRECTIONS; ++d) {
    const int j = d < DIRECTIONS ? neighbor.data[b * DIRECTIONS + d] : b;
    const bool counts = d == DIRECTIONS || side.data[b * DIRECTIONS + d] == 0;
    for (int t = lane; t < (counts ? R * R : 0); t += lanes)
        own[t / R * pitch + j * R + t % R] += block[d * R * R + t];         // one lane adds both blocks of a place
}
HP_SYNC;                                            // blocks are added; other lanes add to the diagonal
for (int f = lane; f < R; f += lanes) {
    double more = slack * scale.data[here + f];
    for (int g = 0; g < regions; ++g)                                    // two regions may share a lumped unknown
        if (pins.data[g] == here + f) more += scale.data[here + f];
    own[f * pitch + here + f] += more;
}
