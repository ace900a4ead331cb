// c = Phi^T r, one leaf a block.
const M* phi = basis.data + slot * (R * L);
each_sum([&](int f, int l) { return phi[f * L + l] * r.data[slot * L + l]; },
         [&](int f, T sum) { coarse.data[slot * R + f] = sum; });
