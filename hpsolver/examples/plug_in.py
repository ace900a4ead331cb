"""Plugging hpsolver into an existing Warp fluid code: the pressure solve changes, nothing else.

    python -m hpsolver.examples.plug_in

The existing code is a small stable-fluids smoke: it transports, lets hot smoke rise, and takes the divergence away by
one kernel, a fixed number of Jacobi sweeps, and another kernel. The lines marked  # hpsolver  replace all three; every
array stays on the device.
"""

from __future__ import annotations

import sys

import numpy as np
import warp as wp

from hpsolver import Projection, Solver  # hpsolver

N, FRAMES, SWEEPS = 64, 50, 50
DT, BUOYANCY = wp.constant(0.5), wp.constant(0.1)
# Where entry (0, 0) of a field lies, in cells from the tank's corner.
CELL, U_FACE, V_FACE = (wp.constant(wp.vec2(*p)) for p in ((0.5, 0.5), (0.0, 0.5), (0.5, 0.0)))


@wp.func
def sample(field: wp.array2d[float], p: wp.vec2) -> float:
    """Bilinear value at p in index units, clamped to the array."""
    x = wp.clamp(p[0], 0.0, float(field.shape[0] - 1))
    y = wp.clamp(p[1], 0.0, float(field.shape[1] - 1))
    i = wp.min(int(x), field.shape[0] - 2)
    j = wp.min(int(y), field.shape[1] - 2)
    low = wp.lerp(field[i, j], field[i + 1, j], x - float(i))
    high = wp.lerp(field[i, j + 1], field[i + 1, j + 1], x - float(i))
    return wp.lerp(low, high, y - float(j))


@wp.func
def departure(u: wp.array2d[float], v: wp.array2d[float], p: wp.vec2) -> wp.vec2:
    """Where the fluid that is now at p was one time step ago."""
    return p - DT * wp.vec2(sample(u, p - U_FACE), sample(v, p - V_FACE))


@wp.kernel(enable_backward=False)
def transport(
    u: wp.array2d[float],
    v: wp.array2d[float],
    smoke: wp.array2d[float],
    u_new: wp.array2d[float],
    v_new: wp.array2d[float],
    smoke_new: wp.array2d[float],
):
    i, j = wp.tid()
    corner = wp.vec2(float(i), float(j))
    smoke_new[i, j] = sample(smoke, departure(u, v, corner + CELL) - CELL)
    if i > 0:
        u_new[i, j] = sample(u, departure(u, v, corner + U_FACE) - U_FACE)
    if j > 0:
        lift = BUOYANCY * 0.5 * (smoke[i, j] + smoke[i, j - 1])
        v_new[i, j] = sample(v, departure(u, v, corner + V_FACE) - V_FACE) + DT * lift


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


class StableFluids:
    """The existing code: velocity u [N + 1, N], v [N, N + 1] on faces, smoke and pressure times dt [N, N] in cells."""

    def __init__(self):
        puff = np.zeros((N, N))
        puff[N * 3 // 8 : N * 5 // 8, N // 8 : N // 4] = 1.0
        self.smoke, self.smoke_new = (wp.array(puff, dtype=float) for _ in range(2))
        self.u, self.u_new = (wp.zeros((N + 1, N), dtype=float) for _ in range(2))
        self.v, self.v_new = (wp.zeros((N, N + 1), dtype=float) for _ in range(2))
        self.b, self.p, self.p_new = (wp.zeros((N, N), dtype=float) for _ in range(3))

    def step(self) -> float:
        """One frame; returns the divergence left as a fraction of what there was before the projection."""
        fields = [self.u, self.v, self.smoke, self.u_new, self.v_new, self.smoke_new]
        wp.launch(transport, dim=(N, N), inputs=fields)
        self.u, self.v, self.smoke, self.u_new, self.v_new, self.smoke_new = fields[3:] + fields[:3]
        before = self.divergence()
        self.project()
        return self.divergence() / before

    def project(self) -> None:
        wp.launch(negative_divergence, dim=(N, N), inputs=[self.u, self.v, self.b])
        self.p.zero_()
        for _ in range(SWEEPS):
            wp.launch(jacobi_sweep, dim=(N, N), inputs=[self.p, self.b, self.p_new])
            self.p, self.p_new = self.p_new, self.p
        wp.launch(subtract_gradient, dim=(N, N), inputs=[self.p, self.u, self.v])

    def divergence(self) -> float:
        """2-norm, on the host: for the report only."""
        return float(np.linalg.norm(np.diff(self.u.numpy(), axis=0) + np.diff(self.v.numpy(), axis=1)))


class PluggedIn(StableFluids):
    """The same code with its projection by hpsolver."""

    def __init__(self):
        super().__init__()
        self.solver = Solver((N, N), boundary="wall")  # hpsolver
        self.projection = Projection(self.solver)  # hpsolver
        self.density = wp.full((N, N), 1.0, dtype=float)  # hpsolver: any density > 0 per cell will do

    def project(self) -> None:
        self.projection.project((self.u, self.v), self.density)  # hpsolver


def main() -> int:
    """Runs both codes; returns 0 when hpsolver converged and left next to no divergence, else 1."""
    swept, plugged = StableFluids(), PluggedIn()
    left_swept = max(swept.step() for _ in range(FRAMES))
    left_plugged = max(plugged.step() for _ in range(FRAMES))
    info = plugged.solver.info
    print(f"divergence left, worst of {FRAMES} frames, as a fraction of that before the projection:")
    print(f"  {SWEEPS} Jacobi sweeps           {left_swept:.1e}")
    print(f"  hpsolver, {info.iterations:2d} iterations    {left_plugged:.1e}")
    # The solver leaves 1e-6 of the divergence; the rounding of u and v to single precision comes on top.
    if info.converged and left_plugged < 1e-4 and left_plugged < left_swept:
        return 0
    print(f"CHECK FAILED: {info.status.name.lower()}, divergence left {left_plugged:.1e}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
