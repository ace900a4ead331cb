// u = A_ii^-1 u in place, by the planes of leaves/plane_roots.h, from both ends to the middle and back: with S_p the
// Schur complement of plane p and c_p its couplings to the next plane towards the middle, w_p = S_p^-1 (u_p + c_o w_o),
// where o is the plane before it, and then u_p = w_p + S_p^-1 c_p u_next. Two warps work, one from each end, a lane for
// each cell of a plane; the last plane of each is the middle one. Longest chain: 2 (PLANES + 1) products with a triangle.
constexpr int PLANES = L / BW, MIDDLE = PLANES / 2, LAST = PLANES - 1 - MIDDLE;
HP_SHARED M roots[BY_PLANES ? L * (BW + 1) : 1];
HP_SHARED T plane_in[BY_PLANES ? 2 * BW : 1], plane_half[BY_PLANES ? 2 * BW : 1];
// Takes a leaf's numbers; up to the next barrier no other lane may read them.
auto load_planes = [&](const auto* from) {
    for (int t = lane; t < (BY_PLANES ? L * (BW + 1) : 0); t += lanes) roots[t] = M(from[t]);
};
auto solve_planes = [&](T* u) {
    auto cell = [](int half, int q, int i) -> int { return half ? L - 1 - (q * BW + i) : q * BW + i; };
    auto root_of = [&](int half, int q) -> const M* { return roots + (half ? PLANES - 1 - q : q) * (BW * (BW + 1)); };
    auto triangle = [&](const M* root, const T* v, int i, bool upper) -> T {
        T sum[2] = {};
#pragma unroll
        for (int j = 0; j < BW; ++j) sum[j % 2] += (upper ? j >= i : j <= i) ? T(root[j * BW + i]) * v[j] : T(0);
        return sum[0] + sum[1];
    };
    // Plane q of each half that takes part, with S^-1 times value(half, i) to store(half, i, ..).
    auto apply = [&](int q, auto takes_part, auto value, auto store) {
#pragma unroll
        for (int half = 0; half < 2; ++half)
            if (takes_part(half)) HP_PER_LANE(i, half * WARP, BW) plane_in[half * BW + i] = value(half, i);
        HP_WARP_SYNC;                               // each lane wrote an entry of its half's vector; its warp reads it
#pragma unroll
        for (int half = 0; half < 2; ++half)
            if (takes_part(half))
                HP_PER_LANE(i, half * WARP, BW)
                    plane_half[half * BW + i] = triangle(root_of(half, q), plane_in + half * BW, i, false);
        HP_WARP_SYNC;                               // the product with G is written; its warp reads it
#pragma unroll
        for (int half = 0; half < 2; ++half)
            if (takes_part(half))
                HP_PER_LANE(i, half * WARP, BW)
                    store(half, i, triangle(root_of(half, q), plane_half + half * BW, i, true));
    };
    auto coupling = [&](int half, int q, int i) -> T { return T(root_of(half, q)[BW * BW + i]); };
    for (int q = 0; q < MIDDLE; ++q)
        apply(q, [&](int half) { return !half || q < LAST; },
              [&](int half, int i) {
                  return u[cell(half, q, i)] + (q ? coupling(half, q - 1, i) * u[cell(half, q - 1, i)] : T(0));
              },
              [&](int half, int i, T w) { u[cell(half, q, i)] = w; });
    HP_SYNC;                                        // both warps wrote their half; the first one reads both ends of it
    apply(MIDDLE, [](int half) { return !half; },
          [&](int, int i) {
              const int mirrored = BW - 1 - i;
              T sum = u[cell(0, MIDDLE, i)] + coupling(0, MIDDLE - 1, i) * u[cell(0, MIDDLE - 1, i)];
              if (LAST > 0) sum += coupling(1, LAST - 1, mirrored) * u[cell(1, LAST - 1, mirrored)];
              return sum;
          },
          [&](int, int i, T w) { u[cell(0, MIDDLE, i)] = w; });
    HP_SYNC;                                        // the middle plane is solved; both warps read it
    for (int q = MIDDLE - 1; q >= 0; --q)
        apply(q, [&](int half) { return !half || q < LAST; },
              [&](int half, int i) { return coupling(half, q, i) * u[cell(half, q + 1, i)]; },
              [&](int half, int i, T w) { u[cell(half, q, i)] += w; });
};
(void)roots; (void)plane_in; (void)plane_half; (void)load_planes; (void)solve_planes;
