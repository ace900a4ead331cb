// Start functions of the inverse step, as they are given: [FUNCTIONS, L] for all leaves (own = 0) or [leaves, FUNCTIONS, L]
// (own = 1).
auto given_start = [&](int leaf, int function, int i) -> double {
    return start.data[((long long)(own ? leaf * FUNCTIONS : 0) + function) * L + i];
};
