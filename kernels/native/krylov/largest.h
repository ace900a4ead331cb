// The largest |u| per slot.
double most = 0.0;
HP_SLOT_LANES(i, leaves * L) {
    const double size = fabs(double(u.data[i]));
    most = size > most ? size : most;
}
most = block_largest(most);
if (lane == 0) largest_slots.data[slot] = most;
