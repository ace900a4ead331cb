// The largest number of all blocks, and of all bases.
auto scale_of = [&](const double* pairs) -> float {
    const double most = largest_of(pairs);
    return wp::float32(most > 0.0 ? most : 1.0);
};
const float largest = scale_of(extents.data), reach = scale_of(extents.data + 1);
