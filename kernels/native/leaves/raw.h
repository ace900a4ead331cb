// Functions as they come from the inverse step: raw [group, FUNCTIONS, L], slot = group.
for (int first = 0; first < FUNCTIONS; first += TOGETHER) {
    const int count = FUNCTIONS - first < TOGETHER ? FUNCTIONS - first : TOGETHER;
    inverse_steps(first, count, [&](int function, int i) { return given_start(leaf, function, i); });
    double* to = raw.data + ((long long)slot * FUNCTIONS + first) * L;
    for (int t = lane; t < count * L; t += lanes) to[t] = x[t % L * TOGETHER + t / L];
    HP_SYNC;                                        // x was read; the next functions overwrite it
}
