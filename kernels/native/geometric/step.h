// One step of the cycle on one level, many blocks.
const Level g = level_at(level);
EACH_ROW(g) {
    if (step == 0) restrict_to(level_at(level - 1), g, x, y, k0, k1);
    if (step == 1) pre_black(g, x, y, k0, k1);
    if (step == 2) residual_red(g, x, y, k0, k1);
    if (step == 3) prolong_red(g, level_at(level + 1), x, y, k0, k1);
    if (step == 4) post_black(g, x, y, k0, k1);
    if (step == 5) post_red(g, x, y, k0, k1);
}
