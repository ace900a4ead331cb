// y = D^1/2 (sum of the solutions of the windows that hold a cell), plus r over A's diagonal if JACOBI. One leaf a
// block. Entries first[c] to first[c + 1] - 1 of `place`, in the order of the windows, are cell c's places in `solved`.
for (int l = lane; l < L; l += lanes) {
    const int c = slot * L + l;
    T sum = 0;
    for (int k = first.data[c]; k < first.data[c + 1]; ++k) sum += solved.data[place.data[k]];
    sum *= weight.data[c];
    if (JACOBI) sum += r.data[c] / diagonal.data[c];
    y_.data[c] = sum;
}
