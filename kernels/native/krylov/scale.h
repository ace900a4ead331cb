// z = r * weight (Jacobi: 1 / diagonal; identity: 1) and r.z per slot (krylov/scaled.h).
const T* __restrict__ from_r = r.data;
const int end = share_of(slot + 1, leaves) * L;
for (int i = share_of(slot, leaves) * L + lane * STRIP; i < end; i += lanes * STRIP) {
    T residual[STRIP];
    for (int v = 0; v < STRIP; ++v) residual[v] = from_r[i + v];
    take_strip(i, residual);
}
finish_strips();
