// weight = 1 / diagonal.
for (int i = slot * LANES + lane; i < n; i += slots * LANES) weight.data[i] = (T)1.0 / diagonal.data[i];
