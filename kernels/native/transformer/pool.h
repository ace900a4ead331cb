// pooled [leaves, TOKENS, D]: means of POOL consecutive cells of x [leaves, L, D]. One leaf a block.
for (int t = lane; t < TOKENS * D; t += lanes) {
    float sum = 0.0f;
    for (int p = 0; p < POOL; ++p) sum += x.data[((long long)slot * L + t / D * POOL + p) * D + t % D];
    pooled.data[(long long)slot * (TOKENS * D) + t] = sum / POOL;
}
