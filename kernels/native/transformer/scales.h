// The largest number of all blocks, and of all bases.
auto largest_of = [&](const double* values) -> float {
    double most = 0.0;
    for (int k = lane; k < leaves; k += lanes) most = values[2 * k] > most ? values[2 * k] : most;
    most = block_largest(most);
    return wp::float32(most > 0.0 ? most : 1.0);
};
const float largest = largest_of(extents.data), reach = largest_of(extents.data + 1);
