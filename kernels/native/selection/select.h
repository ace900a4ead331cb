// The worth of C functions of each leaf i, and the combinations of them that are worth most. W leaves a block.
//
// With G_i = Phi_i^T A_ii Phi_i, E_ij = Phi_i^T A_ij Phi_j and M_jd = Phi_j^T (conductances of face d) Phi_j, all from
// coarse/galerkin.h, the neighbours are eliminated, each alone and closed towards everyone else:
//     P_i = G_i - sum_j E_ij (G_j - sum_{d not towards i} M_jd)^-1 E_ij^T,      with ELIMINATED functions a neighbour.
// The leaf's constants are kept in any case, so they are eliminated, too, from P v = lambda G v, with v G-orthogonal to
// them. 1 / lambda is what the function v is worth. Row k of `choice` [leaves, C, C]: coefficients of the k-th best
// function, of unit length; the constants come first, unchanged. `worth` [leaves, C]. `renewed`: leaves whose choice
// may differ from the last frame's. Matrices [C, C] of W leaves lie interleaved in shared memory, 16 KB, or if C is large,
// and on a CPU, in `work` [blocks, 4, C * C, W].
constexpr double SHIFT = 1e-6;                     // of G: bounds 1 / lambda in leaves torn in parts
constexpr double LOST = 1e-11, NEGLIGIBLE = 1e-18, CONSTANT = 1e300;
constexpr int SWEEPS = 12, CC = C * C;
constexpr bool HELD = LANES > 1 && C <= MOST_HELD;
HP_SHARED double held[HELD ? 4 * CC * W : 1];
HP_SHARED double off[W], cosine[W], sine[W];
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
double* __restrict__ u = e;                        // later: eigenvectors, a row each
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
auto block_of = [&](int b, int d) { return blocks.data + ((long long)b * (DIRECTIONS + 1) + d) * CC; };
// Entry (i, k) of a matrix is at at_(i, k) + w. Sums grow in memory, many side by side; in registers they would wait
// for each other.
auto at_ = [](int i, int k) { return (i * C + k) * W; };
// Cholesky factor of a [n, n] in place, below the diagonal; reciprocals on it, 0 for a lost pivot. Row 0 right of the
// diagonal holds the other diagonal entries as they were.
auto factorise = [&](double* a, int n) {
    each(n, [&](int k, int w) { if (k > 0) a[at_(0, k) + w] = a[at_(k, k) + w]; });
    HP_OUTER for (int k = 0; k < n; ++k) {
        HP_SYNC;                                    // entries behind column k - 1 are updated; the pivot is read
        each(1, [&](int, int w) {
            const double left = a[at_(k, k) + w];
            a[at_(k, k) + w] = left > LOST * a[at_(0, k) + w] ? 1.0 / sqrt(left) : 0.0;
        });
        HP_SYNC;                                    // the pivot is written; its column reads it
        each(n - k - 1, [&](int i, int w) { a[at_(k + 1 + i, k) + w] *= a[at_(k, k) + w]; });
        HP_SYNC;                                    // column k is scaled; updates read it
        HP_OUTER for (int i = k + 1; i < n; ++i)
            each(i - k, [&](int m, int w) { a[at_(i, k + 1 + m) + w] -= a[at_(i, k) + w] * a[at_(k + 1 + m, k) + w]; });
    }
    HP_SYNC;                                        // the factor is written
};
// The factor's inverse times C right-hand sides in place; entry k of the f-th at x[(k * entry + f * item) * W].
auto forward = [&](const double* a, int n, double* x, int entry, int item) {
    HP_OUTER for (int k = 0; k < n; ++k) {
        HP_OUTER for (int m = 0; m < k; ++m)
            each(C, [&](int f, int w) { x[(k * entry + f * item) * W + w] -= a[at_(k, m) + w] * x[(m * entry + f * item) * W + w]; });
        each(C, [&](int f, int w) { x[(k * entry + f * item) * W + w] *= a[at_(k, k) + w]; });
    }
    HP_SYNC;                                        // x is written; whoever comes next reads it
};
each_strided(CC, [&](int t, int w) { g[t * W + w] = p[t * W + w] = block_of(leaf(w), DIRECTIONS)[t]; });
HP_SYNC;                                            // g and p are written; neighbours add to p
HP_OUTER for (int d = 0; d < DIRECTIONS; ++d) {
    each_strided(ELIMINATED * C, [&](int t, int w) {
        const int j = neighbor.data[leaf(w) * DIRECTIONS + d];
        double closed = (1.0 + SHIFT) * block_of(j, DIRECTIONS)[t];
#pragma unroll
        for (int o = 0; o < DIRECTIONS; ++o)
            if (o != (d ^ 1)) closed -= mass.data[((long long)j * DIRECTIONS + o) * CC + t];
        s[t * W + w] = closed;
    });
    each_strided(CC, [&](int t, int w) {                                // zero where no leaf lies across
        const int b = leaf(w), j = neighbor.data[b * DIRECTIONS + d];
        const double across = block_of(b, d)[t];
        if (j == b) p[t * W + w] += across;                              // across a periodic side, the leaf itself
        if (t % C < ELIMINATED) e[at_(t % C, t / C) + w] = j == b ? 0.0 : across;
    });
    HP_SYNC;                                        // s and e are written; the factorisation reads them
    factorise(s, ELIMINATED);
    forward(s, ELIMINATED, e, C, 1);
    HP_OUTER for (int f = 0; f < C; ++f)
        each(f + 1, [&](int k, int w) {
            double sum = p[at_(f, k) + w];
            for (int m = 0; m < ELIMINATED; ++m) sum -= e[at_(m, f) + w] * e[at_(m, k) + w];
            p[at_(f, k) + w] = p[at_(k, f) + w] = sum;
        });
    HP_SYNC;                                        // p is updated; the next neighbour overwrites s and e
}
factorise(g, C);
forward(g, C, p, C, 1);
forward(g, C, p, 1, C);
HP_OUTER for (int k = 0; k < most; ++k) {
    each(C, [&](int m, int w) {
        const double pivot = p[at_(k, k) + w] + SHIFT;
        u[m * W + w] = k < constants.data[leaf(w)] && m > k ? p[at_(k, m) + w] / pivot : 0.0;
    });
    HP_SYNC;                                        // u is written; all rows of p read it
    HP_OUTER for (int f = k + 1; f < C; ++f) each(C, [&](int m, int w) { if (m > k) p[at_(f, m) + w] -= p[at_(f, k) + w] * u[m * W + w]; });
    HP_SYNC;                                        // p is updated; the next pivot is read
}
// The constants get entries that only keep them in front.
HP_OUTER for (int f = 0; f < C; ++f)
    each(f + 1, [&](int k, int w) {
        const int kept = constants.data[leaf(w)];
        const bool lost = g[at_(f, f) + w] == 0.0 || g[at_(k, k) + w] == 0.0;   // depends on others: worth nothing
        const double value = f == k ? (f < kept ? double(f - kept) : lost ? 1.0 : p[at_(f, f) + w] + SHIFT) :
                             k < kept || lost ? 0.0 : 0.5 * (p[at_(f, k) + w] + p[at_(k, f) + w]);
        p[at_(f, k) + w] = p[at_(k, f) + w] = value;
        u[at_(f, k) + w] = u[at_(k, f) + w] = f == k ? 1.0 : 0.0;
    });
HP_SYNC;                                            // p and u are written; rotations read rows and columns
// Jacobi's rotations, pair by pair, until every leaf's off-diagonal part is negligible. Each leaf stops by its own
// part, so that its result does not depend on the other leaves of the block. Function 0 is always a constant.
auto turn = [&](double* first, double* second, int w) {
    const double x = *first, y = *second;
    *first = cosine[w] * x - sine[w] * y;
    *second = sine[w] * x + cosine[w] * y;
};
HP_OUTER for (int sweep = 0; sweep < SWEEPS; ++sweep) {
    each(1, [&](int, int w) { off[w] = 0.0; });
    HP_OUTER for (int f = 2; f < C; ++f)
        HP_OUTER for (int k = 1; k < f; ++k) each(1, [&](int, int w) { off[w] += p[at_(f, k) + w] * p[at_(f, k) + w]; });
    HP_SYNC;                                        // off is written; every lane asks all leaves
    bool done = true;
    for (int w = 0; w < W; ++w) done = done && off[w] < NEGLIGIBLE;
    if (done) break;
    HP_OUTER for (int f = 2; f < C; ++f)
        HP_OUTER for (int k = 1; k < f; ++k) {
            HP_SYNC;                                // columns are turned; the next pair is read
            each(1, [&](int, int w) {
                const double across = p[at_(f, k) + w], half = 0.5 * (p[at_(f, f) + w] - p[at_(k, k) + w]);
                const double root = sqrt(half * half + across * across);
                const double tangent = across / (half < 0.0 ? half - root : half + root);
                const bool turns = off[w] >= NEGLIGIBLE && across * across > 1e-60;
                cosine[w] = turns ? 1.0 / sqrt(1.0 + tangent * tangent) : 1.0;
                sine[w] = turns ? tangent * cosine[w] : 0.0;
            });
            HP_SYNC;                                // cosine and sine are written; all read them
            each(C, [&](int m, int w) {
                turn(p + at_(k, m) + w, p + at_(f, m) + w, w);
                turn(u + at_(k, m) + w, u + at_(f, m) + w, w);
            });
            HP_SYNC;                                // rows are turned; columns follow
            each(C, [&](int m, int w) { turn(p + at_(m, k) + w, p + at_(m, f) + w, w); });
        }
    HP_SYNC;                                        // p is turned; off is summed again
}
HP_OUTER for (int k = C - 1; k >= 0; --k) {                              // eigenvectors in the functions themselves
    HP_OUTER for (int m = k + 1; m < C; ++m) each(C, [&](int f, int w) { u[at_(f, k) + w] -= g[at_(m, k) + w] * u[at_(f, m) + w]; });
    each(C, [&](int f, int w) { u[at_(f, k) + w] *= g[at_(k, k) + w]; });
}
each_strided(C, [&](int f, int w) {
    if (w >= count) return;
    const int b = here[w], kept = constants.data[b];
    auto lambda_of = [&](int m) { const double own = p[at_(m, m) + w]; return m < kept || own > SHIFT ? own : SHIFT; };
    const double lambda = lambda_of(f);
    double length = 0.0;
    int place = 0;
    for (int m = 0; m < C; ++m) {
        const double other = lambda_of(m);
        place += other < lambda || (other == lambda && m < f);
        length += u[at_(f, m) + w] * u[at_(f, m) + w];
    }
    const double scale = length > 0.0 ? 1.0 / sqrt(length) : 0.0;
    worth.data[b * C + place] = f < kept ? CONSTANT : 1.0 / lambda;
    double* to = choice.data + ((long long)b * C + place) * C;
    for (int m = 0; m < C; ++m) to[m] = f < kept ? double(f == m) : scale * u[at_(f, m) + w];
});
