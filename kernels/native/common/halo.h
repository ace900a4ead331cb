// A brick with one layer of its neighbours' cells around it.
//
// tile index: at(x, y, z) with -1 <= x <= BX and so on; a 2D tile has no layer on the first axis. Leaf b has
// used[3 b + axis] real cells on each axis: the layer behind the last real cell is the neighbour's first, whatever the
// brick's own size (a periodic axis may end in a partial brick). Directions: 0,1 = z-,z+; 2,3 = y-,y+; 4,5 = x-,x+.
constexpr int TZ = BZ + 2, TY = BY + 2, HX = DIMS == 3 ? 1 : 0, TX = BX + 2 * HX;
constexpr int TILE = TX * TY * TZ;
constexpr int STRIDE[3] = {TY * TZ, TZ, 1};
auto at = [](int x, int y, int z) { return ((x + HX) * TY + y + 1) * TZ + z + 1; };
auto cell = [](int x, int y, int z) { return (x * BY + y) * BZ + z; };
// In a partial brick, padding rows read places of the tile that nothing writes, and multiply them by zero: clear the
// tile once a block, so that these values are finite.
auto clear_tile = [&](auto* tile) {
    for (int t = lane; t < TILE; t += lanes) tile[t] = 0;
    HP_SYNC;                                        // cleared; load_tile writes
};
// value(i, d): the quantity at cell i, read across side d of the brick (d = -1: in the brick itself). Where the domain
// ends, the leaf across is the leaf itself: its values are finite and multiplied by zero, or `value` tells them by d.
auto load_tile = [&](auto* tile, int b, const int* neighbor, const int* used, auto value) {
    const int ux = used[3 * b], uy = used[3 * b + 1], uz = used[3 * b + 2];
    constexpr int V = HP_ROW_LENGTH;
    auto load_row = [&](int t, int i, int d) {                          // through registers, or it would not be a vector
        decltype(value(0, 0)) row[V];
        for (int v = 0; v < V; ++v) row[v] = value(i + v, d);
        for (int v = 0; v < V; ++v) tile[t + v] = row[v];
    };
    HP_ROWS load_row(at(x, y, z), b * L + l, -1);
    HP_SYNC;                                        // the brick is written; layers may overwrite its padding
    const int* across = neighbor + b * DIRECTIONS;
    const int last_z = used[3 * across[0] + 2] - 1, last_y = used[3 * across[2] + 1] - 1;
#pragma unroll
    for (int u = lane; u < BX * BY; u += lanes) {
        const int x = u / BY, y = u % BY;
        tile[at(x, y, -1)] = value(across[0] * L + cell(x, y, last_z), 0);
        tile[at(x, y, uz)] = value(across[1] * L + cell(x, y, 0), 1);
    }
    for (int u = lane * V; u < BX * BZ; u += lanes * V) {
        const int x = u / BZ, z = u % BZ;
        load_row(at(x, -1, z), across[2] * L + cell(x, last_y, z), 2);
        load_row(at(x, uy, z), across[3] * L + cell(x, 0, z), 3);
    }
    if (DIMS == 3) {
        const int last_x = used[3 * across[DIRECTIONS - 2]] - 1;
        for (int u = lane * V; u < BY * BZ; u += lanes * V) {
            const int y = u / BZ, z = u % BZ;
            load_row(at(-HX, y, z), across[DIRECTIONS - 2] * L + cell(last_x, y, z), DIRECTIONS - 2);
            load_row(at(ux - 1 + HX, y, z), across[DIRECTIONS - 1] * L + cell(0, y, z), DIRECTIONS - 1);
        }
    }
    HP_SYNC;                                        // the tile is written; all lanes read across cells
};
// A row of A times the tile around h. The row's own value is passed separately: in the tile, the layer has taken the place
// of the padding cell behind the last real one. `c` points to the row in the conductances [DIRECTIONS, n], and `below_y`
// and `below_x` to those of its faces y- and x-, which may be read where the cells across have them too.
auto row_of_a = [&](const auto* tile, int h, auto own, auto diagonal, const auto* c, const auto* below_y, const auto* below_x, int n) {
    auto sum = diagonal * own;
    sum -= c[0] * tile[h - 1] + c[n] * tile[h + 1];
    sum -= *below_y * tile[h - TZ] + c[3 * n] * tile[h + TZ];
    if (DIMS == 3) {
        sum -= *below_x * tile[h - STRIDE[0]];
        sum -= c[(DIRECTIONS - 1) * n] * tile[h + STRIDE[0]];
    }
    return sum;
};
// Row i, with diagonal [N] and conductances [DIRECTIONS, N].
auto stencil = [&](const auto* tile, int h, auto own, const auto* diagonal, const auto* conductance, int n, int i) {
    const auto* c = conductance + i;
    return row_of_a(tile, h, own, diagonal[i], c, c + 2 * n, c + (DIRECTIONS - 2) * n, n);
};
(void)row_of_a; (void)stencil; (void)load_tile; (void)clear_tile;
