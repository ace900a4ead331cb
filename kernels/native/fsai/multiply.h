// y = matrix x.
for (int i = slot * LANES + lane; i < n; i += slots * LANES) y_.data[i] = row(i);
