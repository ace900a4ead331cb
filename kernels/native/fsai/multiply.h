// y = matrix x.
HP_SLOT_LANES(i, n) y_.data[i] = row(i);
