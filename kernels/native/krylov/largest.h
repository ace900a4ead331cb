// The largest |u| per slot.
double most = 0.0;
HP_SLOT(b, leaves)
    for (int l = lane; l < L; l += lanes) {
        const double size = fabs(double(u.data[b * L + l]));
        most = size > most ? size : most;
    }
most = block_largest(most);
if (lane == 0) largest_slots.data[slot] = most;
