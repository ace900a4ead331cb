// The coarse right-hand side, entry q: either as restricted, or the sum of what the neighbours pushed (sweep.h).
auto coarse_rhs = [&](int q) -> M {
    if (!PUSHED) return coarse.data[q];
    const int b = q / R, f = q % R;
    M sum = 0;
    for (int d = 0; d < DIRECTIONS; ++d)
        if (side.data[b * DIRECTIONS + d] == 0)
            sum += coarse.data[(neighbor.data[b * DIRECTIONS + d] * DIRECTIONS + (d ^ 1)) * R + f];
    return sum;
};
