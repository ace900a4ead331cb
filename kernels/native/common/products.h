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
        const Value own = value(i);
        Value sum = diagonal[i] * own;
#pragma unroll
        for (int d = 0; d < DIRECTIONS; ++d) sum -= conductance[d * n + i] * value(across_face(b, i, x, y, z, d).cell);
        const Value owns[V] = {own}, products[V] = {sum};
        put(i, owns, products);
    }
#else
    HP_SLOT(b, leaves) {
        load_tile(tile, b, neighbor.data, used.data, [&](int i, int) { return value(i); });
        HP_ROWS {
            const int h = at(x, y, z), i = b * L + l;
            // A face inside the brick has its conductance in both of its cells: read it where it is read in any case.
            const bool inner_y = y > 0 && y < used.data[3 * b + 1], inner_x = x > 0 && x < used.data[3 * b];
            const auto* c = conductance + i;
            const auto *below_y = inner_y ? c + 3 * n - BZ : c + 2 * n;
            const auto *below_x = inner_x ? c + (DIRECTIONS - 1) * n - BY * BZ : c + (DIRECTIONS - 2) * n;
            Value own[V], product[V];
            for (int v = 0; v < V; ++v) own[v] = value(i + v);
            for (int v = 0; v < V; ++v)
                product[v] = row_of_a(tile, h + v, own[v], diagonal[i + v], c + v, below_y + v, below_x + v, n);
            put(i, own, product);
        }
    }
#endif
};
