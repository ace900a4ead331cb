// weight = 1 / diagonal.
HP_SLOT_LANES(i, n) weight.data[i] = (T)1.0 / diagonal.data[i];
