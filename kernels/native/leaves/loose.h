// Start functions on a leaf's loose cells: those whose coupling goes nearly all to other leaves. A light cell binds the
// heavy ones around it, also those that lie beyond a face of its leaf; there each of them moves on its own, which no
// smooth function can follow. At most LOOSE functions, the last ones that there is room for, are 1 on a group of loose
// cells each, groups being made in the order of the cells; so many as there are such cells, and none if LOOSE is 0.
constexpr double LOOSE_SHARE = 0.9;                                       // of the diagonal
HP_SHARED char is_loose[LOOSE > 0 ? L * W : 1];
HP_SHARED char loose_group[LOOSE > 0 ? L * W : 1];              // of a cell, from 1 on; 0: not loose
HP_SHARED int loose_from[W];                                            // number of a leaf's first such function
auto none_loose = [&] {
    for (int w = lane; w < W; w += lanes) loose_from[w] = FUNCTIONS;  // group_loose has barriers behind this
};
// For leaf w of a group of W, which has room for so many functions.
auto group_loose = [&](int leaf, int w, int room) {
    if (LOOSE == 0) return;
    for (int l = lane; l < L; l += lanes)
        is_loose[l * W + w] = leaving(l, leaf) > LOOSE_SHARE * diagonal.data[leaf * L + l];
    HP_SYNC;                                        // each lane marked its cells; all count all of them
    int all = 0;
    for (int l = 0; l < L; ++l) all += is_loose[l * W + w];
    const int most = room < LOOSE ? room : LOOSE, groups = all < most ? all : most;
    for (int l = lane; l < L; l += lanes) {
        int before = 0;
        if (is_loose[l * W + w] && groups > 0)
            for (int k = 0; k < l; ++k) before += is_loose[k * W + w];
        loose_group[l * W + w] = is_loose[l * W + w] && groups > 0 ? 1 + before * groups / all : 0;
    }
    if (lane == 0 && groups > 0) loose_from[w] = room - groups;
    HP_SYNC;                                        // groups are written; start functions read those of all cells
};
// Value at cell i of start function `function`.
auto start_value = [&](int leaf, int w, int function, int i) -> double {
    if (LOOSE == 0 || function < loose_from[w]) return given_start(leaf, function, i);
    return loose_group[i * W + w] == function - loose_from[w] + 1 ? 1.0 : 0.0;
};
