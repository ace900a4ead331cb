// gradient = dL/d(density), from both pressures, face by face.
const int directions = (int)across.shape[0] / n;
const bool shared = shares.shape[0] > 1;
HP_SLOT_LANES(i, n) {
    const double rho = density.data[i], p = pressure.data[i], q = adjoint.data[i];
    double total = 0.0, through_open_sides = diagonal.data[i];
    for (int d = 0; d < directions; ++d) {
        const double c = conductance.data[d * n + i];
        if (!(c > 0.0)) continue;
        const int j = across.data[d * n + i];
        through_open_sides -= c;
        const double s = shared ? scale.data[d] * shares.data[d * n + i] : scale.data[d];
        const double slope = harmonic ? -0.5 * s / (rho * rho) : -0.5 * c * c / s;
        total -= (q - adjoint.data[j]) * (p - pressure.data[j]) * slope;
    }
    // In a cell without faces, solid or a region by itself, both pressures are zero, and the diagonal means nothing.
    if (q * p != 0.0) total += q * p * through_open_sides / rho;
    gradient.data[i] = total;
}
