// vector -= mean of its region, in two steps; a region that holds a NaN or Inf stays as it is.
auto subtract = [&](int i, int g) {
    if (g >= 0 && rest.data[g] - rest.data[g] == 0.0) vector.data[i] = (vector.data[i] - shift.data[g]) - rest.data[g];
};
#if defined(__CUDA_ARCH__)
HP_SLOT_LANES(i, n) subtract(i, region.data[i]);
#else
constexpr int RUN = 64;                             // cells that are taken as a vector if they are of one region
for (int i = share_of(slot, n), end = share_of(slot + 1, n); i < end; i += RUN) {
    const int count = end - i < RUN ? end - i : RUN, g = region.data[i], *here = region.data + i;
    int others = 0;
    HP_VECTOR for (int k = 0; k < count; ++k) others |= here[k] ^ g;
    if (others) {
        for (int k = 0; k < count; ++k) subtract(i + k, here[k]);
    } else if (g >= 0 && rest.data[g] - rest.data[g] == 0.0) {
        const double first = shift.data[g], second = rest.data[g];
        double* to = vector.data + i;
        HP_VECTOR for (int k = 0; k < count; ++k) to[k] = (to[k] - first) - second;
    }
}
#endif
