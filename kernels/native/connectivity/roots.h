// Hangs the pieces of one leaf directly below their region's root, and marks the root if a piece leaks.
HP_CELLS {
    const int i = slot * L + l;
    if (label.data[i] != i) continue;
    const int root = root_of(i);
    parent.data[i] = root;
    if (leaks.data[i]) leaks.data[root] = 1;
}
