"""Plugging hpsolver into an existing Warp fluid code: the pressure solve changes, nothing else.

    python -m hpsolver.examples.plug_in

The "existing code" makes its velocity divergence-free with fixed Jacobi sweeps at constant density, as small
stable-fluids codes do. The lines marked  # hpsolver  replace them; arrays stay on the device.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver import Solver  # hpsolver

N, SWEEPS = 64, 50


@wp.kernel(enable_backward=False)
def negative_divergence(u: wp.array2d[float], v: wp.array2d[float], b: wp.array2d[float]):
    i, j = wp.tid()
    b[i, j] = -(u[i + 1, j] - u[i, j] + v[i, j + 1] - v[i, j])


@wp.kernel(enable_backward=False)
def jacobi_sweep(p: wp.array2d[float], b: wp.array2d[float], p_new: wp.array2d[float]):
    i, j = wp.tid()
    west, east = wp.max(i - 1, 0), wp.min(i + 1, p.shape[0] - 1)
    south, north = wp.max(j - 1, 0), wp.min(j + 1, p.shape[1] - 1)
    p_new[i, j] = 0.25 * (p[west, j] + p[east, j] + p[i, south] + p[i, north] + b[i, j])


@wp.kernel(enable_backward=False)
def subtract_gradient(p: wp.array2d[float], u: wp.array2d[float], v: wp.array2d[float]):
    i, j = wp.tid()
    if i > 0:
        u[i, j] = u[i, j] - (p[i, j] - p[i - 1, j])
    if j > 0:
        v[i, j] = v[i, j] - (p[i, j] - p[i, j - 1])


def swirl() -> tuple[wp.array, wp.array]:
    """A random velocity on a staggered grid between walls."""
    rng = np.random.default_rng(0)
    u, v = rng.standard_normal((N + 1, N)), rng.standard_normal((N, N + 1))
    u[[0, -1]], v[:, [0, -1]] = 0.0, 0.0
    return wp.array(u, dtype=float), wp.array(v, dtype=float)


def project_by_sweeps(u: wp.array, v: wp.array) -> None:
    b, p, p_new = (wp.zeros((N, N), dtype=float) for _ in range(3))
    wp.launch(negative_divergence, dim=(N, N), inputs=[u, v, b])
    for _ in range(SWEEPS):
        wp.launch(jacobi_sweep, dim=(N, N), inputs=[p, b, p_new])
        p, p_new = p_new, p
    wp.launch(subtract_gradient, dim=(N, N), inputs=[p, u, v])


def project_by_hpsolver(u: wp.array, v: wp.array, solver: Solver, density: wp.array) -> None:
    b = wp.zeros((N, N), dtype=float)
    wp.launch(negative_divergence, dim=(N, N), inputs=[u, v, b])
    p = solver.step(density, b)  # hpsolver
    wp.launch(subtract_gradient, dim=(N, N), inputs=[p, u, v])


def divergence_left(u: wp.array, v: wp.array) -> float:
    return float(np.linalg.norm(np.diff(u.numpy(), axis=0) + np.diff(v.numpy(), axis=1)))


def main() -> int:
    """Runs both projections on the same velocity; returns 0 when hpsolver leaves no divergence."""
    u, v = swirl()
    before = divergence_left(u, v)
    project_by_sweeps(u, v)
    swept = divergence_left(u, v) / before

    u, v = swirl()
    solver = Solver((N, N), boundary="wall")  # hpsolver
    density = wp.full((N, N), 1.0, dtype=float)  # hpsolver
    project_by_hpsolver(u, v, solver, density)
    solved = divergence_left(u, v) / before

    print(f"divergence left by {SWEEPS} Jacobi sweeps: {swept:.1e}")
    print(f"divergence left by hpsolver ({solver.info.iterations} iterations): {solved:.1e}")
    return 0 if solver.info.converged and solved < 1e-5 else 1


if __name__ == "__main__":
    raise SystemExit(main())
