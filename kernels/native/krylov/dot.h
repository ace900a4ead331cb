// u.v per slot.
double uv[ACCUMULATORS] = {};
const int end = share_of(slot + 1, leaves) * L;
for (int i = share_of(slot, leaves) * L + lane * STRIP; i < end; i += lanes * STRIP)
    for (int v = 0; v < STRIP; ++v) uv[v % ACCUMULATORS] += double(u.data[i + v]) * double(v_.data[i + v]);
const double total = block_sum(lane_sum(uv));
if (lane == 0) uv_slots.data[slot] = total;
