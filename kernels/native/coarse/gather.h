// The coarse right-hand side, entry q: either as restricted, or the sum of what the leaf kept and its neighbours pushed
// (leaves/sweep.h).
auto coarse_rhs = [&](int q) -> double {
    if (!PUSHED) return coarse.data[q];
    const int b = q / R, f = q % R;
    double sum = coarse.data[(b * (DIRECTIONS + 1) + DIRECTIONS) * R + f];
    for (int d = 0; d < DIRECTIONS; ++d)
        if (side.data[b * DIRECTIONS + d] == 0)
            sum += coarse.data[(neighbor.data[b * DIRECTIONS + d] * (DIRECTIONS + 1) + (d ^ 1)) * R + f];
    return sum;
};
