// Whether a leaf, brick or window of a group changed; -1 stands for none.
auto group_changed = [&](const int* group) -> bool {
    int stale = 0;
    for (int w = 0; w < W; ++w) stale |= group[w] >= 0 ? changed.data[group[w]] : 0;
    return stale != 0;
};
