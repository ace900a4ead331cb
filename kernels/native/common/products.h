// A v over the bricks of a slot. each_product(diagonal, conductance, value, put): value(i) is v_i, and put(i, own,
// product) takes V = HP_ROW_LENGTH rows from i on, own[V] of v and product[V] of A v.
//
// On the CPU each brick goes through a tile with its neighbours' cells around it (common/halo.h), and loops are vectors.
// On CUDA a lane reads the cells across itself: they come from the cache, and there is no barrier between bricks.
#if !defined(__CUDA_ARCH__)
HP_SHARED Value tile[TILE];
clear_tile(tile);
#endif
auto each_product = [&](const auto* diagonal, const auto* conductance, auto value, auto put) {
    constexpr int V = HP_ROW_LENGTH;
    const int n = leaves * L;
#if defined(__CUDA_ARCH__)
    HP_SLOT_ROWS(b, leaves) {
        const int i = b * L + l;
        const int *u = used.data + 3 * b, *over = neighbor.data + b * DIRECTIONS;
        auto last = [&](int d, int axis) { return used.data[3 * over[d] + axis] - 1; };
        const int z0 = z > 0 ? i - 1 : over[0] * L + cell(x, y, last(0, 2));
        const int z1 = z + 1 < u[2] ? i + 1 : over[1] * L + cell(x, y, 0);
        const int y0 = y > 0 ? i - BZ : over[2] * L + cell(x, last(2, 1), z);
        const int y1 = y + 1 < u[1] ? i + BZ : over[3] * L + cell(x, 0, z);
        const Value own = value(i);
        Value sum = diagonal[i] * own;
        sum -= conductance[i] * value(z0) + conductance[n + i] * value(z1);
        sum -= conductance[2 * n + i] * value(y0) + conductance[3 * n + i] * value(y1);
        if (DIMS == 3) {
            constexpr int LOW = DIRECTIONS - 2, HIGH = DIRECTIONS - 1;
            const int x0 = x > 0 ? i - BY * BZ : over[LOW] * L + cell(last(LOW, 0), y, z);
            const int x1 = x + 1 < u[0] ? i + BY * BZ : over[HIGH] * L + cell(0, y, z);
            sum -= conductance[LOW * n + i] * value(x0);
            sum -= conductance[HIGH * n + i] * value(x1);
        }
        const Value owns[V] = {own}, products[V] = {sum};
        put(i, owns, products);
    }
#else
    HP_SLOT(b, leaves) {
        load_tile(tile, b, neighbor.data, used.data, [&](int i, int) { return value(i); });
        HP_ROWS {
            const int h = at(x, y, z), i = b * L + l;
            Value own[V], product[V];
            for (int v = 0; v < V; ++v) own[v] = value(i + v);
            for (int v = 0; v < V; ++v) product[v] = stencil(tile, h + v, own[v], diagonal, conductance, n, i + v);
            put(i, own, product);
        }
    }
#endif
};
