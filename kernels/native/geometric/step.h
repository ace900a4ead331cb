// One step of the cycle on one level, many blocks.
const Level g = level_at(level);
EACH_ROW(g) {
    if (step == 0) restrict_to(level_at(level - 1), g, x, y, k0, k1);
    if (step == 1) first_black(g, x, y, k0, k1);
    if (step == 2) red(g, x, y, k0, k1);
    if (step == 3) black(g, x, y, k0, k1, Z);
    if (step == 4) residual_red(g, x, y, k0, k1);
    if (step == 5) prolong_red(g, level_at(level + 1), x, y, k0, k1);
    if (step == 6) black(g, x, y, k0, k1, Y);
    if (step == 7) last_red(g, x, y, k0, k1);
}
