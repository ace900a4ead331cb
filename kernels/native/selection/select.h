// The R functions of each leaf i that are worth most, as combinations of its C candidates. W leaves a block.
//
// With G_i = Phi_i^T A_ii Phi_i, E_ij = Phi_i^T A_ij Phi_j and M_jd = Phi_j^T (conductances of face d) Phi_j, all from
// coarse/galerkin.h, the neighbours are eliminated, each alone and closed towards everyone else:
//     P_i = G_i - sum_j E_ij (G_j - sum_{d not towards i} M_jd)^-1 E_ij^T,      with ELIMINATED functions a neighbour.
// The leaf's constants are kept in any case, so they are eliminated, too, from P v = lambda G v, with v G-orthogonal to
// them. 1 / lambda is what the function v is worth. Kept are the constants and functions that span, nearly, the
// eigenvectors of largest 1 / lambda: STEPS of orthogonal iteration with P^-1 G, which begin with the columns of its
// Cholesky factor that have the largest pivots. Nothing hangs on the functions themselves, only on what they span.
// `choice` [leaves, R, C]: coefficients, rows of unit length; the constants come first, unchanged. `renewed`: leaves whose
// choice may differ from the last frame's. Matrices [C, C] of W leaves lie interleaved in shared memory, 16 KB, or if C is
// large, and on a CPU, in `work` [blocks, 4, C * C, W].
constexpr double SHIFT = 1e-6;                     // of G: bounds 1 / lambda in leaves torn in parts
constexpr double LOST = 1e-11, CONSTANT = 1e300;
constexpr int STEPS = 5, CC = C * C;
constexpr bool HELD = LANES > 1 && C <= MOST_HELD;
HP_SHARED double held[HELD ? 4 * CC * W : 1];
HP_SHARED double scale[W];
HP_SHARED int pivot[W];
const int* here = listed.data + slot * W;
int count = 0;
while (count < W && here[count] >= 0) ++count;
auto leaf = [&](int w) { return here[w < count ? w : 0]; };                 // an empty place repeats the first leaf
int stale = 0, most = 1;
for (int w = 0; w < count; ++w) {
    const int b = here[w];
    most = constants.data[b] > most ? constants.data[b] : most;
    int mine = changed.data[b];
    for (int d = 0; d < DIRECTIONS; ++d) mine |= changed.data[neighbor.data[b * DIRECTIONS + d]];
    if (lane == 0) renewed.data[b] = mine;
    stale |= mine;
}
if (!stale) return;
double* __restrict__ g = HELD ? held : work.data + (long long)slot * (4 * CC * W);
double* __restrict__ p = g + CC * W;
double* __restrict__ s = p + CC * W;
double* __restrict__ e = s + CC * W;
// visit(t, w) for each t < items and every leaf w of the block; no visit may depend on another of the same loop. Lane
// by lane on CUDA; on the CPU w innermost, a vector.
auto each = [&](int items, auto visit) {
#if defined(__CUDA_ARCH__)
    for (int pair = lane; pair < items * W; pair += lanes) visit(pair / W, pair % W);
#else
    HP_OUTER for (int t = 0; t < items; ++t)
        _Pragma("clang loop vectorize(assume_safety)") for (int w = 0; w < W; ++w) visit(t, w);
#endif
};
// The same for bodies that jump through memory: w outermost, no vectors.
auto each_strided = [&](int items, auto visit) {
#if defined(__CUDA_ARCH__)
    each(items, visit);
#else
    for (int w = 0; w < W; ++w) HP_SCALAR for (int t = 0; t < items; ++t) visit(t, w);
#endif
};
// Entry (i, k) of a matrix: the number of leaf w on CUDA; on the CPU, where w is 0, a vector of all leaves' numbers.
#if defined(__CUDA_ARCH__)
typedef double Number;
#else
typedef double Number __attribute__((ext_vector_type(W), aligned(sizeof(double))));
#endif
auto at_ = [](int i, int k) { return (i * C + k) * W; };
auto entry = [&](double* a, int i, int k, int w) -> Number& { return *(Number*)(a + at_(i, k) + w); };
// put(t, w, first(t, w) + the sum of term(m, t, w) over m from `from` to `to` - 1), all of them Numbers, for t < items.
// Sums stay in registers; on the CPU several at a time, which do not wait for each other.
auto each_sum = [&](int items, int from, int to, auto first, auto term, auto put) {
#if defined(__CUDA_ARCH__)
    each(items, [&](int t, int w) {
        Number sum = first(t, w);
        for (int m = from; m < to; ++m) sum += term(m, t, w);
        put(t, w, sum);
    });
#else
    constexpr int T = 4;
    int t = 0;
    HP_OUTER for (; t + T <= items; t += T) {
        Number sum[T];
        for (int v = 0; v < T; ++v) sum[v] = first(t + v, 0);
        HP_OUTER for (int m = from; m < to; ++m)
            for (int v = 0; v < T; ++v) sum[v] += term(m, t + v, 0);
        for (int v = 0; v < T; ++v) put(t + v, 0, sum[v]);
    }
    HP_OUTER for (; t < items; ++t) {
        Number sum = first(t, 0);
        HP_OUTER for (int m = from; m < to; ++m) sum += term(m, t, 0);
        put(t, 0, sum);
    }
#endif
};
auto block_of = [&](int b, int d) { return blocks.data + ((long long)b * (DIRECTIONS + 1) + d) * CC; };
auto zero = [](int, int) { return Number{}; };
// Cholesky factor of a [n, n] in place, below the diagonal; reciprocals on it, 0 for a lost pivot. Its last barrier, behind
// the last pivot, is the end.
auto factorise = [&](double* a, int n) {
    HP_OUTER for (int k = 0; k < n; ++k) {
        each_sum(1, 0, k,                           // column k - 1 of row k is the lane's own
                 [&](int, int w) { return entry(a, k, k, w); },
                 [&](int m, int, int w) { return -entry(a, k, m, w) * entry(a, k, m, w); },
                 [&](int, int w, Number sum) { entry(scale, 0, 0, w) = sum; });
        each(1, [&](int, int w) { a[at_(k, k) + w] = scale[w] > LOST * a[at_(k, k) + w] ? 1.0 / sqrt(scale[w]) : 0.0; });
        HP_SYNC;                                    // the pivot is written; its column reads it
        each_sum(n - k - 1, 0, k,
                 [&](int i, int w) { return entry(a, k + 1 + i, k, w); },
                 [&](int m, int i, int w) { return -entry(a, k + 1 + i, m, w) * entry(a, k, m, w); },
                 [&](int i, int w, Number sum) { entry(a, k + 1 + i, k, w) = sum * entry(a, k, k, w); });
    }
};
// The factor's inverse times C right-hand sides in place, the columns or the rows of x.
auto forward = [&](double* a, int n, double* x, bool rows) {
    auto of = [&](int k, int f, int w) -> Number& { return rows ? entry(x, f, k, w) : entry(x, k, f, w); };
    HP_OUTER for (int k = 0; k < n; ++k)
        each_sum(C, 0, k,
                 [&](int f, int w) { return of(k, f, w); },
                 [&](int m, int f, int w) { return -entry(a, k, m, w) * of(m, f, w); },
                 [&](int f, int w, Number sum) { of(k, f, w) = sum * entry(a, k, k, w); });
    HP_SYNC;                                        // x is written; whoever comes next reads it
};
each_strided(CC, [&](int t, int w) { g[t * W + w] = p[t * W + w] = block_of(leaf(w), DIRECTIONS)[t]; });
HP_SYNC;                                            // g and p are written; neighbours add to p
HP_OUTER for (int d = 0; d < DIRECTIONS; ++d) {
    each_strided(ELIMINATED * ELIMINATED, [&](int t, int w) {
        const int j = neighbor.data[leaf(w) * DIRECTIONS + d], i = t / ELIMINATED * C + t % ELIMINATED;
        double closed = (1.0 + SHIFT) * block_of(j, DIRECTIONS)[i];
#pragma unroll
        for (int o = 0; o < DIRECTIONS; ++o)
            if (o != (d ^ 1)) closed -= mass.data[((long long)j * DIRECTIONS + o) * CC + i];
        s[i * W + w] = closed;
    });
    each_strided(ELIMINATED * C, [&](int t, int w) {                    // zero where no leaf lies across
        const int b = leaf(w), f = t / ELIMINATED, k = t % ELIMINATED;
        e[at_(k, f) + w] = neighbor.data[b * DIRECTIONS + d] == b ? 0.0 : block_of(b, d)[f * C + k];
    });
    for (int w = 0; w < W; ++w) {                                        // across a periodic side lies the leaf itself
        const int b = leaf(w);
        if (neighbor.data[b * DIRECTIONS + d] != b) continue;
        for (int t = lane; t < CC; t += lanes) p[t * W + w] += block_of(b, d)[t];
    }
    HP_SYNC;                                        // s, e and p are written; the factorisation reads s
    factorise(s, ELIMINATED);
    forward(s, ELIMINATED, e, false);
    HP_OUTER for (int f = 0; f < C; ++f)
        each_sum(f + 1, 0, ELIMINATED,
                 [&](int k, int w) { return entry(p, f, k, w); },
                 [&](int m, int k, int w) { return -entry(e, m, f, w) * entry(e, m, k, w); },
                 [&](int k, int w, Number sum) { entry(p, f, k, w) = entry(p, k, f, w) = sum; });
    HP_SYNC;                                        // p is updated; the next neighbour overwrites s and e
}
factorise(g, C);
forward(g, C, p, false);
forward(g, C, p, true);
HP_OUTER for (int k = 0; k < most; ++k) {
    each(C, [&](int m, int w) {
        const double own = p[at_(k, k) + w] + SHIFT;
        e[m * W + w] = k < constants.data[leaf(w)] && m > k ? p[at_(k, m) + w] / own : 0.0;
    });
    HP_OUTER for (int f = k + 1; f < C; ++f) each(C, [&](int m, int w) { if (m > k) p[at_(f, m) + w] -= p[at_(f, k) + w] * e[m * W + w]; });
    HP_SYNC;                                        // p is updated; the next pivot is read
}
// Constants and functions that depend on others are coupled to nothing.
HP_OUTER for (int f = 0; f < C; ++f)
    each(f + 1, [&](int k, int w) {
        const int kept = constants.data[leaf(w)];
        const bool alone = k < kept || g[at_(f, f) + w] == 0.0 || g[at_(k, k) + w] == 0.0;
        const double value = f == k ? (alone ? 1.0 : p[at_(f, f) + w] + SHIFT) :
                             alone ? 0.0 : 0.5 * (p[at_(f, k) + w] + p[at_(k, f) + w]);
        p[at_(f, k) + w] = p[at_(k, f) + w] = value;
        e[at_(f, k) + w] = e[at_(k, f) + w] = f == k ? 1.0 : 0.0;
    });
HP_SYNC;                                            // p and e are written; the factorisation and its inverse follow
factorise(p, C);
forward(p, C, e, false);
HP_OUTER for (int f = 0; f < C; ++f)                                     // s = p^-1
    each_sum(f + 1, f, C, zero,
             [&](int m, int k, int w) { return entry(e, m, f, w) * entry(e, m, k, w); },
             [&](int k, int w, Number sum) { entry(s, f, k, w) = entry(s, k, f, w) = sum; });
// x [R, C]: the constants, then columns of s's Cholesky factor.
double* x = e;
double* y = p;
double* left = p + at_(R, 0);                       // [C] s's diagonal without what x holds; -1: no pivot
double* amount = p + at_(R + 1, 0);                 // [C]
each(C, [&](int f, int w) { left[f * W + w] = f < constants.data[leaf(w)] ? -1.0 : s[at_(f, f) + w]; });
HP_OUTER for (int m = 0; m < R; ++m) {
    HP_SYNC;                                        // x up to m and left are written; the pivot is found in them
    each_strided(1, [&](int, int w) {
        int best = m;
        double largest = m < constants.data[leaf(w)] ? CONSTANT : -1.0;
        for (int f = 0; f < C; ++f) {
            const bool larger = left[f * W + w] > largest;
            best = larger ? f : best;
            largest = larger ? left[f * W + w] : largest;
        }
        pivot[w] = best;
        scale[w] = largest > 0.0 && largest < CONSTANT ? 1.0 / sqrt(largest) : 1.0;
    });
    HP_SYNC;                                        // pivot and scale are written; all read them
    each_strided(C, [&](int f, int w) {
        x[at_(m, f) + w] = s[at_(pivot[w], f) + w] * scale[w];
        amount[f * W + w] = f < m ? x[at_(f, pivot[w]) + w] * scale[w] : 0.0;
    });
    HP_SYNC;                                        // row m of x and the amounts of earlier ones are written
    each_sum(C, 0, m,
             [&](int f, int w) { return entry(x, m, f, w); },
             [&](int q, int f, int w) { return -entry(amount, 0, q, w) * entry(x, q, f, w); },
             [&](int f, int w, Number sum) { entry(x, m, f, w) = sum; });
    each(C, [&](int f, int w) {                                          // of a lane's own entries of x
        const double had = left[f * W + w], now = had - x[at_(m, f) + w] * x[at_(m, f) + w];
        left[f * W + w] = had < 0.0 || f == pivot[w] ? -1.0 : now > 0.0 ? now : 0.0;
    });
}
auto orthonormalise = [&](double* a) {              // rows of a, in their order
    HP_OUTER for (int m = 0; m < R; ++m) {
        HP_SYNC;                                    // rows up to m are written; read next
        each_sum(m, 0, C, zero,
                 [&](int f, int q, int w) { return entry(a, q, f, w) * entry(a, m, f, w); },
                 [&](int q, int w, Number sum) { entry(amount, 0, q, w) = sum; });
        HP_SYNC;                                    // amounts are written; row m is changed
        each_sum(C, 0, m,
                 [&](int f, int w) { return entry(a, m, f, w); },
                 [&](int q, int f, int w) { return -entry(amount, 0, q, w) * entry(a, q, f, w); },
                 [&](int f, int w, Number sum) { entry(a, m, f, w) = sum; });
        HP_SYNC;                                    // row m is orthogonal to earlier ones; its length is summed
        each_sum(1, 0, C, zero,
                 [&](int f, int, int w) { return entry(a, m, f, w) * entry(a, m, f, w); },
                 [&](int, int w, Number sum) { entry(scale, 0, 0, w) = sum; });
        each(1, [&](int, int w) { scale[w] = scale[w] > 0.0 ? 1.0 / sqrt(scale[w]) : 0.0; });
        HP_SYNC;                                    // scale is written; all read it
        each(C, [&](int f, int w) { a[at_(m, f) + w] *= scale[w]; });
    }
    HP_SYNC;                                        // a is written; whoever comes next reads it
};
orthonormalise(x);
HP_OUTER for (int step = 0; step < STEPS; ++step) {
    HP_OUTER for (int m = 0; m < R; ++m)
        each_sum(C, 0, C, zero,
                 [&](int k, int f, int w) { return entry(s, k, f, w) * entry(x, m, k, w); },
                 [&](int f, int w, Number sum) { entry(y, m, f, w) = sum; });
    orthonormalise(y);
    double* const last = x;
    x = y;
    y = last;
}
HP_OUTER for (int k = C - 1; k >= 0; --k)                                // x in the functions themselves
    each_sum(R, k + 1, C,
             [&](int f, int w) { return entry(x, f, k, w); },
             [&](int m, int f, int w) { return -entry(g, m, k, w) * entry(x, f, m, w); },
             [&](int f, int w, Number sum) { entry(x, f, k, w) = sum * entry(g, k, k, w); });
each_strided(R, [&](int f, int w) {
    if (w >= count) return;
    const int b = here[w], kept = constants.data[b];
    double length = 0.0;
    for (int m = 0; m < C; ++m) length += x[at_(f, m) + w] * x[at_(f, m) + w];
    const double unit = length > 0.0 ? 1.0 / sqrt(length) : 0.0;
    double* to = choice.data + ((long long)b * R + f) * C;
    for (int m = 0; m < C; ++m) to[m] = f < kept ? double(f == m) : unit * x[at_(f, m) + w];
});
