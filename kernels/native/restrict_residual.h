// c = Phi^T (r - A y), one leaf a block.
HP_SHARED T tile[TILE];
HP_SHARED T left[L];
const int b = slot, n = leaves * L;
clear_tile(tile);
load_tile(tile, b, neighbor.data, used.data, [&](int i, int) { return y_.data[i]; });
HP_CELLS {
    const int i = b * L + l;
    left[l] = r.data[i] - T(stencil(tile, at(x, y, z), y_.data[i], diagonal.data, conductance.data, n, i));
}
HP_SYNC;
const M* phi = basis.data + b * (R * L);
each_sum(R, [&](int f, int l) { return T(phi[f * L + l]) * left[l]; },
         [&](int f, T sum) { coarse.data[b * R + f] = sum; });
