// x += Phi y_coarse, one leaf a block.
const M* __restrict__ phi = basis.data + slot * (R * L);
const int rank_here = rank_of(slot);
for (int l = lane; l < L; l += lanes) {
    double sum = 0.0;
    for (int f = 0; f < rank_here; ++f) sum += double(phi[f * L + l]) * y_coarse.data[slot * R + f];
    x_.data[slot * L + l] += sum;
}
