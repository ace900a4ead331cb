// mean [D]: the sums [blocks, D] added up, over `count`. One block, one lane a column.
for (int c = lane; c < D; c += lanes) {
    double sum = 0.0;
    for (int b = 0; b < blocks; ++b) sum += double(sums.data[b * D + c]);
    mean.data[c] = wp::float32(sum / count);
}
