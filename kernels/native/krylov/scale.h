// z = r * weight (Jacobi: 1 / diagonal; identity: 1) and r.z per slot (krylov/scaled.h).
const T* __restrict__ from_r = r.data;
HP_SLOT(b, leaves) {
    for (int l = lane * STRIP; l < L; l += lanes * STRIP) {
        T residual[STRIP];
        for (int v = 0; v < STRIP; ++v) residual[v] = from_r[b * L + l + v];
        take_strip(b * L + l, residual);
    }
}
finish_strips();
