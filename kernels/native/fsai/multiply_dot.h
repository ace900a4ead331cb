// y = matrix x, and u.y per slot.
double product = 0.0;
HP_SLOT_LANES(i, n) {
    const T y = row(i);
    y_.data[i] = y;
    product += double(u.data[i]) * double(y);
}
const double total = block_sum(product);
if (lane == 0) uy_slots.data[slot] = total;
