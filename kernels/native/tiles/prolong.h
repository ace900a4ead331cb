// z = y + U c_row + V c_column and r.z per slot; c sums what the tiles of a leaf add. `tile` lists them leaf by leaf:
// from first[2 b] on the tiles with leaf b in a row strip, from first[2 b + 1] on those with it in a column strip.
constexpr int RANK = R / 2;
HP_SHARED M c[R];
double rz[ACCUMULATORS] = {};
HP_SLOT(b, leaves) {
    for (int q = lane; q < R; q += lanes) {
        const int list = 2 * b + (q < RANK ? 0 : 1);
        M sum = 0;
        for (int t = first.data[list]; t < first.data[list + 1]; ++t) sum += result.data[tile.data[t] * R + q];
        c[q] = sum;
    }
    HP_SYNC;                                        // c is written; all cells read it
    const S* phi = basis.data + (long long)b * (R * L);
    for (int l = lane * STRIP; l < L; l += lanes * STRIP) {
        M sum[STRIP];
        for (int v = 0; v < STRIP; ++v) sum[v] = y_.data[b * L + l + v];
        for (int q = 0; q < R; ++q)
            for (int v = 0; v < STRIP; ++v) sum[v] += M(phi[q * L + l + v]) * c[q];
        T value[STRIP];
        for (int v = 0; v < STRIP; ++v) value[v] = T(sum[v]);
        for (int v = 0; v < STRIP; ++v) z_.data[b * L + l + v] = value[v];
        for (int v = 0; v < STRIP; ++v) rz[v % ACCUMULATORS] += double(r.data[b * L + l + v]) * double(value[v]);
    }
    HP_SYNC;                                        // c was read; the next leaf's is written
}
const double total = block_sum(lane_sum(rz));
if (lane == 0) rz_slots.data[slot] = total;
