// gradient = dL/d(density), from both pressures, face by face. On the CPU both go through tiles (common/halo.h), and
// loops are vectors; on CUDA a lane reads the cells across itself.
constexpr int V = HP_ROW_LENGTH;
const int n = leaves * L;
// What a face of conductance c, with `s` its share over h^2, adds to a row's gradient but for the factor of `of_row`.
auto of_face = [](double s, double c, double p_step, double q_step) -> double {
    const double slope = HARMONIC ? s : c * c / s, product = 0.5 * slope * p_step * q_step;
    return c > 0.0 ? product : 0.0;
};
// Harmonic faces have the factor 1 / rho^2, and all that leaves a cell through its open sides is 1 / rho of something.
auto of_row = [&](int i, double faces) -> double {
    const double over = 1.0 / (density.data[i] > 0.0 ? density.data[i] : 1.0);     // a solid cell's may be anything
    const double through_sides = adjoint.data[i] * pressure.data[i] * leak.data[i] * over;
    return HARMONIC ? faces * over * over + through_sides : faces + through_sides;
};
#if defined(__CUDA_ARCH__)
HP_SLOT_ROWS(b, leaves) {
    const int i = b * L + l;
    double total = 0.0;
#pragma unroll
    for (int d = 0; d < DIRECTIONS; ++d) {
        const int j = across_face(b, i, x, y, z, d).cell;
        const double p_step = pressure.data[i] - pressure.data[j], q_step = adjoint.data[i] - adjoint.data[j];
        const double share = SHARES ? shares.data[d * n + i] : 1.0;
        total += of_face(scale.data[d] * share, conductance.data[d * n + i], p_step, q_step);
    }
    gradient.data[i] = of_row(i, total);
}
#else
const int offset[6] = {-1, 1, -TZ, TZ, -STRIDE[0], STRIDE[0]};
HP_SHARED double p_tile[TILE], q_tile[TILE];
clear_tile(p_tile);
clear_tile(q_tile);
HP_SLOT(b, leaves) {
    load_tile(p_tile, b, neighbor.data, used.data, [&](int i, int) { return pressure.data[i]; });
    load_tile(q_tile, b, neighbor.data, used.data, [&](int i, int) { return adjoint.data[i]; });
    HP_ROWS {
        const int h = at(x, y, z), i = b * L + l;
        double total[V] = {};
        for (int d = 0; d < DIRECTIONS; ++d) {
            const double *p = pressure.data + i, *p_across = p_tile + h + offset[d];
            const double *q = adjoint.data + i, *q_across = q_tile + h + offset[d];
            const double *c = conductance.data + d * n + i, *share = SHARES ? shares.data + d * n + i : c, s = scale.data[d];
            HP_ROLLED for (int v = 0; v < V; ++v)
                total[v] += of_face(SHARES ? s * share[v] : s, c[v], p[v] - p_across[v], q[v] - q_across[v]);
        }
        HP_ROLLED for (int v = 0; v < V; ++v) gradient.data[i + v] = of_row(i + v, total[v]);
    }
}
#endif
