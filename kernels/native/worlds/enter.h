// Which worlds go into the body of a loop. One block.
double inside = 0.0;
for (int c = lane; c < (int)active.shape[0]; c += lanes) {
    const char* row = reinterpret_cast<const char*>(conditions.data) + (size_t)(first.data[0] + c) * conditions.strides[0];
    const int goes = outside.data[c] && *reinterpret_cast<const int*>(row);
    active.data[c] = goes;
    inside += goes;
}
inside = block_sum(inside);
if (lane == 0) any_.data[0] = inside > 0.0;
