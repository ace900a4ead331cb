"""The least that a Jacobi-PCG iteration costs on this CPU: textbook loops in row-major order, nothing else.

One 5-point product with given coefficients and the vector passes of CG (p.q; x; r; r.r; z = D^-1 r; r.z; p), each a
plain C++ loop over all cells in double precision, replayed in one CPU graph. The numbers mean nothing; an iteration
does the same work whatever they are.
"""

from __future__ import annotations

import time

import numpy as np
import warp as wp

ITERATIONS = 200
"""Iterations in one graph."""

_LOOPS = """
const double* __restrict__ center = a.data;
const double* __restrict__ east = a.data + n;
const double* __restrict__ west = a.data + 2 * n;
const double* __restrict__ north = a.data + 3 * n;
const double* __restrict__ south = a.data + 4 * n;
const double* __restrict__ inverse = a.data + 5 * n;
double* __restrict__ p = v.data;
double* __restrict__ q = v.data + n;
double* __restrict__ x = v.data + 2 * n;
double* __restrict__ r = v.data + 3 * n;
double* __restrict__ z = v.data + 4 * n;

for (int i = m; i < n - m; ++i)
    q[i] = center[i] * p[i] - east[i] * p[i + 1] - west[i] * p[i - 1] - north[i] * p[i + m] - south[i] * p[i - m];
double pq[8] = {}, rr[8] = {}, rz[8] = {};
for (int i = 0; i < n; i += 8) for (int k = 0; k < 8; ++k) pq[k] += p[i + k] * q[i + k];
const double alpha = 1e-9 * pq[0];
for (int i = 0; i < n; ++i) x[i] += alpha * p[i];
for (int i = 0; i < n; ++i) r[i] -= alpha * q[i];
for (int i = 0; i < n; i += 8) for (int k = 0; k < 8; ++k) rr[k] += r[i + k] * r[i + k];
for (int i = 0; i < n; ++i) z[i] = inverse[i] * r[i];
for (int i = 0; i < n; i += 8) for (int k = 0; k < 8; ++k) rz[k] += r[i + k] * z[i + k];
const double beta = 1e-9 * (rr[0] + rz[0]);
for (int i = 0; i < n; ++i) p[i] = z[i] + beta * p[i];
"""


@wp.func_native(_LOOPS)
def bare_loops(n: wp.int32, m: wp.int32, a: wp.array[wp.float64], v: wp.array[wp.float64]): ...


@wp.kernel(enable_backward=False)
def bare_iteration(n: wp.int32, m: wp.int32, a: wp.array[wp.float64], v: wp.array[wp.float64]):
    bare_loops(n, m, a, v)


class BareLoop:
    """Iterations on a 2D grid, in one graph. The number of cells must be a multiple of 8.

    Attributes:
        samples: milliseconds of an iteration, one for each call of ``time``.
    """

    def __init__(self, shape: tuple[int, int]):
        n, m = shape[0] * shape[1], shape[1]
        if n % 8:
            raise ValueError(f"a multiple of 8 cells, not {shape}")
        rng = np.random.default_rng(0)
        self._field = wp.array(0.1 * rng.random(6 * n), dtype=wp.float64, device="cpu")
        self._vectors = wp.array(rng.random(5 * n), dtype=wp.float64, device="cpu")
        inputs = [n, m, self._field, self._vectors]
        wp.launch(bare_iteration, dim=1, inputs=inputs, device="cpu")
        with wp.ScopedCapture(device="cpu", force_module_load=False) as capture:
            for _ in range(ITERATIONS):
                wp.launch(bare_iteration, dim=1, inputs=inputs, device="cpu")
        self._graph = capture.graph
        wp.capture_launch(self._graph)
        self.samples: list[float] = []

    def time(self) -> None:
        begun = time.perf_counter()
        wp.capture_launch(self._graph)
        self.samples.append((time.perf_counter() - begun) / ITERATIONS * 1e3)

    @property
    def milliseconds(self) -> float:
        """Median time of one iteration."""
        return float(np.median(self.samples))
