// One step of the cycle on one level, many blocks.
const Level g = level_at(level);
EACH_ROW(g) {
    const Strip s = {x, y, 1, k0, k1};
    if (step == 0) restrict_to(level_at(level - 1), g, x, y, k0, k1);
    if (step == 1) first_black(g, s);
    if (step == 2) red(g, s);
    if (step == 3) black(g, s, Z);
    if (step == 4) residual_red(g, s);
    if (step == 5) prolong_red(g, level_at(level + 1), s);
    if (step == 6) black(g, s, Y);
    if (step == 7) last_red(g, s);
}
