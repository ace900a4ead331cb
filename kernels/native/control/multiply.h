// product = factor * vector, which may be the same array.
for (int i = slot * LANES + lane; i < n; i += slots * LANES) product.data[i] = factor.data[i] * vector.data[i];
