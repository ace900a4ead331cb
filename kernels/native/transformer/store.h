// blocks [leaves, L, L] and basis [leaves, 2 RANK, L] (kernels/tiles.py). One leaf a block.
S* block = blocks.data + (long long)slot * (L * L);
for (int t = lane; t < L * L; t += lanes) {
    const int i = t / L, j = t % L;
    if (j < i) continue;
    const float value = (product(slot * L + i, slot * L + j) + (i == j ? jacobi(slot * L + i) : 0.0f)) / largest;
    block[i * L + j] = block[j * L + i] = S(value);
}
S* to = basis.data + (long long)slot * (2 * RANK * L);
for (int t = lane; t < 2 * RANK * L; t += lanes) to[t] = S(base_of(slot * L + t % L, t / L) / reach);
