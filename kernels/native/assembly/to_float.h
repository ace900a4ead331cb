// target = source, rounded to single precision; CHUNK entries a block.
const int end = (slot + 1) * CHUNK < n ? (slot + 1) * CHUNK : n;
const double* __restrict__ from = source.data;
float* __restrict__ to = target.data;
for (int i = slot * CHUNK + lane; i < end; i += lanes) to[i] = static_cast<float>(from[i]);
