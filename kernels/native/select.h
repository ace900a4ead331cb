// The worth of C functions of each leaf i of a group, and the combinations of them that are worth most.
//
// With G_i = Phi_i^T A_ii Phi_i, E_ij = Phi_i^T A_ij Phi_j and M_jd = Phi_j^T (conductances of face d) Phi_j, all from
// galerkin.h, the neighbours are eliminated, each alone and closed towards everyone else:
//     P_i = G_i - sum_j E_ij (G_j - sum_{d not towards i} M_jd)^-1 E_ij^T,      of which ELIMINATED functions a neighbour.
// The leaf's constants are kept anyway: they are eliminated in their turn from P v = lambda G v, v G-orthogonal to them.
// 1 / lambda is what the function v is worth. Row k of `choice` [leaves, C, C]: coefficients of the k-th best of unit
// length, the constants first as they are; `worth` [leaves, C].
// A member lane works alone on its own leaf in `work` [groups, 4, C * C, W]. `renewed`: leaves whose choice may differ
// from the last frame's.
constexpr double SHIFT = 1e-6;                     // of G: bounds 1 / lambda in leaves torn in parts
constexpr double LOST = 1e-14, NEGLIGIBLE = 1e-18, CONSTANT = 1e300;
constexpr int SWEEPS = 12, CC = C * C;
const int* group = members.data + slot * W;
int stale = 0, most = 1;
for (int w = 0; w < W; ++w) {
    const int b = group[w];
    if (b < 0) continue;
    most = constants.data[b] > most ? constants.data[b] : most;
    int mine = changed.data[b];
    for (int d = 0; d < DIRECTIONS; ++d) mine |= changed.data[neighbor.data[b * DIRECTIONS + d]];
    if (lane == 0) renewed.data[b] = mine;
    stale |= mine;
}
if (!stale) return;
double* __restrict__ g = work.data + (long long)slot * (4 * CC * W);
double* __restrict__ p = g + CC * W;
double* __restrict__ s = p + CC * W;
double* __restrict__ e = s + CC * W;
double* __restrict__ u = e;                        // later: eigenvectors, a row each
auto block_of = [&](int b, int d) { return blocks.data + ((long long)b * (DIRECTIONS + 1) + d) * CC; };
auto leaf_of = [&](int w) { return group[w] < 0 ? group[0] : group[w]; };   // an empty place repeats the first leaf
// to -= x y, one for each member. Sums grow in memory, many side by side; in registers they would wait for each other.
auto subtract = [&](double* to, const double* x, const double* y) {
    double result[HP_PRIVATE];
    HP_MEMBERS result[HP_OWN] = to[w] - x[w] * y[w];
    HP_MEMBERS to[w] = result[HP_OWN];
};
auto multiply = [&](double* to, const double* x) {
    double result[HP_PRIVATE];
    HP_MEMBERS result[HP_OWN] = to[w] * x[w];
    HP_MEMBERS to[w] = result[HP_OWN];
};
// Cholesky factor of a [n, n] in place, below the diagonal; reciprocals on it, 0 for a lost pivot. Row 0 right of the
// diagonal holds the other diagonal entries as they were.
auto factorise = [&](double* a, int n) {
    for (int k = 1; k < n; ++k) HP_MEMBERS a[k * W + w] = a[(k * C + k) * W + w];
    for (int k = 0; k < n; ++k) {
        HP_MEMBERS {
            const double left = a[(k * C + k) * W + w], before = a[k * W + w];
            a[(k * C + k) * W + w] = left > LOST * before ? 1.0 / sqrt(left) : 0.0;
        }
        for (int i = k + 1; i < n; ++i) multiply(a + (i * C + k) * W, a + (k * C + k) * W);
        for (int i = k + 1; i < n; ++i)
            for (int m = k + 1; m <= i; ++m) subtract(a + (i * C + m) * W, a + (i * C + k) * W, a + (m * C + k) * W);
    }
};
// The factor's inverse times C right-hand sides in place; entry k of the f-th at x[(k * entry + f * item) * W].
auto forward = [&](const double* a, int n, double* x, int entry, int item) {
    for (int k = 0; k < n; ++k) {
        for (int m = 0; m < k; ++m)
            for (int f = 0; f < C; ++f)
                subtract(x + (k * entry + f * item) * W, a + (k * C + m) * W, x + (m * entry + f * item) * W);
        for (int f = 0; f < C; ++f) multiply(x + (k * entry + f * item) * W, a + (k * C + k) * W);
    }
};
HP_STRIDED HP_MEMBERS {
    const double* __restrict__ from = block_of(leaf_of(w), DIRECTIONS);
    HP_STRIDED
    for (int t = 0; t < CC; ++t) g[t * W + w] = p[t * W + w] = from[t];
}
#pragma unroll
for (int d = 0; d < DIRECTIONS; ++d) {
    HP_STRIDED HP_MEMBERS {
        const int b = leaf_of(w), j = neighbor.data[b * DIRECTIONS + d];
        const double* __restrict__ theirs = block_of(j, DIRECTIONS);
        const double* __restrict__ faces = mass.data + (long long)j * DIRECTIONS * CC;
        const double* __restrict__ across = block_of(b, d);
        for (int f = 0; f < ELIMINATED; ++f)
            HP_STRIDED
            for (int t = f * C; t <= f * C + f; ++t) {
                double closed = (1.0 + SHIFT) * theirs[t];
#pragma unroll
                for (int o = 0; o < DIRECTIONS; ++o)
                    if (o != (d ^ 1)) closed -= faces[o * CC + t];
                s[t * W + w] = closed;
            }
        // Where a leaf is its own neighbour, across a periodic side, there is nobody to eliminate.
        for (int f = 0; f < C; ++f)
            HP_STRIDED
            for (int k = 0; k < ELIMINATED; ++k) e[(k * C + f) * W + w] = j == b ? 0.0 : across[f * C + k];
        if (j == b)
            for (int t = 0; t < CC; ++t) p[t * W + w] += across[t];
    }
    factorise(s, ELIMINATED);
    forward(s, ELIMINATED, e, C, 1);
    for (int f = 0; f < C; ++f)
        for (int k = 0; k <= f; ++k) HP_MEMBERS {
            double sum = p[(f * C + k) * W + w];
            for (int m = 0; m < ELIMINATED; ++m) sum -= e[(m * C + f) * W + w] * e[(m * C + k) * W + w];
            p[(f * C + k) * W + w] = p[(k * C + f) * W + w] = sum;
        }
}
factorise(g, C);
forward(g, C, p, C, 1);
forward(g, C, p, 1, C);
for (int k = 0; k < most; ++k) {
    for (int m = k + 1; m < C; ++m) HP_MEMBERS {
        const double pivot = p[(k * C + k) * W + w] + SHIFT;
        u[m * W + w] = k < constants.data[leaf_of(w)] ? p[(k * C + m) * W + w] / pivot : 0.0;
    }
    for (int f = k + 1; f < C; ++f)
        for (int m = k + 1; m < C; ++m)
            subtract(p + (f * C + m) * W, p + (f * C + k) * W, u + m * W);
}
// What is left of the constants only keeps them in front.
for (int f = 0; f < C; ++f)
    for (int k = 0; k <= f; ++k) HP_MEMBERS {
        const int kept = constants.data[leaf_of(w)];
        const double value = f == k ? (f < kept ? double(f - kept) : p[(f * C + f) * W + w] + SHIFT) :
                             k < kept ? 0.0 : 0.5 * (p[(f * C + k) * W + w] + p[(k * C + f) * W + w]);
        p[(f * C + k) * W + w] = p[(k * C + f) * W + w] = value;
        u[(f * C + k) * W + w] = u[(k * C + f) * W + w] = f == k ? 1.0 : 0.0;
    }
// Jacobi's rotations, pair by pair, until every member's off-diagonal part is negligible.
for (int sweep = 0; sweep < SWEEPS; ++sweep) {
    double off[HP_PRIVATE], rotation[HP_PRIVATE], cosine[HP_PRIVATE];
    HP_MEMBERS off[HP_OWN] = 0.0;
    for (int f = 1; f < C; ++f)
        for (int k = 0; k < f; ++k) HP_MEMBERS off[HP_OWN] += p[(f * C + k) * W + w] * p[(f * C + k) * W + w];
    bool done = true;
    HP_MEMBERS done = done && off[HP_OWN] < NEGLIGIBLE;
    if (done) break;
    for (int f = 2; f < C; ++f)
        for (int k = 1; k < f; ++k) {                                   // function 0 is always a constant
            HP_MEMBERS {
                const double across = p[(f * C + k) * W + w], half = 0.5 * (p[(f * C + f) * W + w] - p[(k * C + k) * W + w]);
                const double size = half * half + across * across, root = sqrt(size);
                const double tangent = across / (half < 0.0 ? half - root : half + root);
                const bool turns = across * across > 1e-60;
                cosine[HP_OWN] = turns ? 1.0 / sqrt(1.0 + tangent * tangent) : 1.0;
                rotation[HP_OWN] = turns ? tangent * cosine[HP_OWN] : 0.0;
            }
            auto turn = [&](double* __restrict__ first, double* __restrict__ second) {
                HP_MEMBERS {
                    const double x = first[w], y = second[w];
                    first[w] = cosine[HP_OWN] * x - rotation[HP_OWN] * y;
                    second[w] = rotation[HP_OWN] * x + cosine[HP_OWN] * y;
                }
            };
            for (int m = 0; m < C; ++m) turn(p + (k * C + m) * W, p + (f * C + m) * W);
            for (int m = 0; m < C; ++m) turn(p + (m * C + k) * W, p + (m * C + f) * W);
            for (int m = 0; m < C; ++m) turn(u + (k * C + m) * W, u + (f * C + m) * W);
        }
}
for (int k = C - 1; k >= 0; --k) {
    for (int m = k + 1; m < C; ++m)
        for (int f = 0; f < C; ++f)
            subtract(u + (f * C + k) * W, g + (m * C + k) * W, u + (f * C + m) * W);
    for (int f = 0; f < C; ++f) multiply(u + (f * C + k) * W, g + (k * C + k) * W);
}
for (int f = 0; f < C; ++f) {
    double length[HP_PRIVATE];
    HP_MEMBERS length[HP_OWN] = 0.0;
    for (int k = 0; k < C; ++k) HP_MEMBERS {
        double& amount = u[(f * C + k) * W + w];
        if (f < constants.data[leaf_of(w)]) amount = double(f == k);
        length[HP_OWN] += amount * amount;
    }
    HP_MEMBERS {
        const int b = group[w];
        if (b >= 0) {
            const double lambda = p[(f * C + f) * W + w], scale = length[HP_OWN] > 0.0 ? 1.0 / sqrt(length[HP_OWN]) : 0.0;
            int place = 0;
            for (int m = 0; m < C; ++m) {
                const double other = p[(m * C + m) * W + w];
                place += other < lambda || (other == lambda && m < f);
            }
            worth.data[b * C + place] = f < constants.data[b] ? CONSTANT : 1.0 / lambda;
            for (int k = 0; k < C; ++k) choice.data[((long long)b * C + place) * C + k] = scale * u[(f * C + k) * W + w];
        }
    }
}
