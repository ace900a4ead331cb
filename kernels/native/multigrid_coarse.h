// The cycle on level `first` and all coarser ones, one block. The finest level's right-hand side is already in place.
for (int l = first; l < levels; ++l) {
    const Level g = level_at(l);
    if (l > 0) restrict_to(level_at(l - 1), g);
    HP_SYNC;
    pre_black(g);
    HP_SYNC;
    if (l + 1 < levels) residual_red(g);
    HP_SYNC;
}
for (int l = levels - 1; l >= first; --l) {
    const Level g = level_at(l);
    if (l + 1 < levels) prolong_red(g, level_at(l + 1));
    HP_SYNC;
    post_black(g);
    HP_SYNC;
    post_red(g);
    HP_SYNC;
}
