// product = factor * vector; `product` may be `vector` itself.
HP_SLOT_LANES(i, n) product.data[i] = factor.data[i] * vector.data[i];
