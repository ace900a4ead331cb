// u.v per slot.
double uv[ACCUMULATORS] = {};
HP_SLOT(b, leaves) {
    HP_CELLS {
        const int i = b * L + l;
        uv[z % ACCUMULATORS] += double(u.data[i]) * double(v.data[i]);
    }
}
const double total = block_sum(lane_sum(uv));
if (lane == 0) uv_slots.data[slot] = total;
