"""What a Jacobi-PCG iteration costs at the least: textbook loops in row-major order, nothing else.

One 5-point product with given coefficients and the vector passes of CG (p.q; x and r; r.r; z = D^-1 r with r.z; p),
each a plain C++ loop in double precision, replayed in one CPU graph.
"""

from __future__ import annotations

import time

import numpy as np
import warp as wp

_LOOPS = """
const double* __restrict__ c = field.data; double* __restrict__ v = vectors.data;
double *p = v, *q = v + n, *x = v + 2 * n, *r = v + 3 * n, *z = v + 4 * n;
const double *d = c, *e = c + n, *w = c + 2 * n, *s = c + 3 * n, *t = c + 4 * n, *di = c + 5 * n;
for (int i = m; i < n - m; ++i)
    q[i] = d[i] * p[i] - e[i] * p[i + 1] - w[i] * p[i - 1] - s[i] * p[i + m] - t[i] * p[i - m];
double a[8] = {}, b[8] = {}, g[8] = {};
for (int i = 0; i < n; i += 8) for (int k = 0; k < 8; ++k) a[k] += p[i + k] * q[i + k];
const double alpha = 1e-9 * a[0];
for (int i = 0; i < n; ++i) x[i] += alpha * p[i];
for (int i = 0; i < n; ++i) r[i] -= alpha * q[i];
for (int i = 0; i < n; i += 8) for (int k = 0; k < 8; ++k) b[k] += r[i + k] * r[i + k];
for (int i = 0; i < n; ++i) z[i] = di[i] * r[i];
for (int i = 0; i < n; i += 8) for (int k = 0; k < 8; ++k) g[k] += r[i + k] * z[i + k];
const double beta = 1e-9 * (b[0] + g[0]);
for (int i = 0; i < n; ++i) p[i] = z[i] + beta * p[i];
"""


@wp.func_native(_LOOPS)
def bare_loops(n: wp.int32, m: wp.int32, field: wp.array[wp.float64], vectors: wp.array[wp.float64]): ...


@wp.kernel(enable_backward=False)
def bare_iteration(n: wp.int32, m: wp.int32, field: wp.array[wp.float64], vectors: wp.array[wp.float64]):
    bare_loops(n, m, field, vectors)


def bare_iteration_ms(shape: tuple[int, int], repeats: int = 200) -> float:
    """Milliseconds of one bare iteration on a 2D grid; the best of seven replays."""
    n, m = shape[0] * shape[1], shape[1]
    rng = np.random.default_rng(0)
    field = wp.array(rng.random(6 * n) * 0.1, dtype=wp.float64, device="cpu")
    vectors = wp.array(rng.random(5 * n), dtype=wp.float64, device="cpu")
    wp.launch(bare_iteration, dim=1, inputs=[n, m, field, vectors], device="cpu")
    with wp.ScopedCapture(device="cpu", force_module_load=False) as capture:
        for _ in range(repeats):
            wp.launch(bare_iteration, dim=1, inputs=[n, m, field, vectors], device="cpu")
    times = []
    for _ in range(7):
        start = time.perf_counter()
        wp.capture_launch(capture.graph)
        times.append(time.perf_counter() - start)
    return min(times) / repeats * 1e3
