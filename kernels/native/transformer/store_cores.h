// cores [tiles, RANK, RANK] = left right^T / RANK of the tiles' heads [tiles, RANK, RANK]. One tile a block.
const float *a = left.data + (long long)slot * (RANK * RANK), *b = right.data + (long long)slot * (RANK * RANK);
S* to = cores.data + (long long)slot * (RANK * RANK);
for (int t = lane; t < RANK * RANK; t += lanes) {
    float sum = 0.0f;
    for (int c = 0; c < RANK; ++c) sum += a[t / RANK * RANK + c] * b[t % RANK * RANK + c];
    to[t] = S(sum / RANK * (reach * reach / largest));
}
