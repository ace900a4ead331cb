// product = factor * vector, which may be the same array.
HP_SLOT_LANES(i, n) product.data[i] = factor.data[i] * vector.data[i];
