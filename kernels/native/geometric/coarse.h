// The cycle on level `first` and all coarser ones, one block. The finest level's right-hand side is already in place.
for (int l = first; l < levels; ++l) {
    const Level g = level_at(l);
    if (l > 0) {
        const Level f = level_at(l - 1);
        EACH_ROW(g) restrict_to(f, g, x, y, k0, k1);
        HP_SYNC;                                    // the right-hand side is written; the first sweep reads it
    }
    auto first_step = [&](const Strip& s) { first_black(g, s); };
    auto red_step = [&](const Strip& s) { red(g, s); };
    auto black_step = [&](const Strip& s) { black(g, s, Z); };
    auto last_step = [&](const Strip& s) { residual_red(g, s); };
    if constexpr (SWEEPS == 1) in_turn(g, first_step, last_step);
    else in_turn(g, first_step, red_step, black_step, last_step);
}
for (int l = levels - 1; l >= first; --l) {
    const Level g = level_at(l), coarse = level_at(l + 1 < levels ? l + 1 : l);
    auto first_step = [&](const Strip& s) {
        if (l + 1 < levels) prolong_red(g, coarse, s);
    };
    auto black_step = [&](const Strip& s) { black(g, s, Y); };
    auto red_step = [&](const Strip& s) { red(g, s); };
    auto last_step = [&](const Strip& s) { last_red(g, s); };
    if constexpr (SWEEPS == 1) in_turn(g, first_step, black_step, last_step);
    else in_turn(g, first_step, black_step, red_step, black_step, last_step);
}
