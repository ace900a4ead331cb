// x += Phi y_coarse, one leaf a block.
const M* __restrict__ phi = basis.data + slot * (R * L);
for (int l = lane; l < L; l += lanes) {
    double sum = 0.0;
    for (int f = 0; f < R; ++f) sum += double(phi[f * L + l]) * y_coarse.data[slot * R + f];
    x_.data[slot * L + l] += sum;
}
