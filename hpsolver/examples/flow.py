"""A small two-phase flow on a staggered grid, in Warp: what the examples feed the solver with.

Units: cell size 1, gravity 1, heavy density 1. The second axis is height. Horizontal velocity u [nx + 1, nz] and
vertical velocity w [nx, nz + 1] live on faces, the heavy fluid's fraction [nx, nz] in cells; all sides are walls.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver import Solver


@wp.func
def sample(field: wp.array2d[wp.float64], x: wp.float64, z: wp.float64) -> wp.float64:
    """Bilinear value at (x, z) in index units, clamped to the array."""
    x = wp.clamp(x, wp.float64(0.0), wp.float64(field.shape[0] - 1))
    z = wp.clamp(z, wp.float64(0.0), wp.float64(field.shape[1] - 1))
    i = wp.min(int(x), field.shape[0] - 2)
    k = wp.min(int(z), field.shape[1] - 2)
    s = x - wp.float64(i)
    t = z - wp.float64(k)
    one = wp.float64(1.0)
    low = (one - s) * field[i, k] + s * field[i + 1, k]
    high = (one - s) * field[i, k + 1] + s * field[i + 1, k + 1]
    return (one - t) * low + t * high


@wp.kernel(enable_backward=False)
def advect_velocity(
    u: wp.array2d[wp.float64],
    w: wp.array2d[wp.float64],
    dt: wp.float64,
    u_new: wp.array2d[wp.float64],
    w_new: wp.array2d[wp.float64],
):
    """Semi-Lagrangian transport of both components and gravity; wall faces stay at rest. Threads [nx + 1, nz + 1]."""
    i, k = wp.tid()
    half = wp.float64(0.5)
    x = wp.float64(i)
    z = wp.float64(k)
    if k < u.shape[1]:
        value = wp.float64(0.0)
        if i > 0 and i < u.shape[0] - 1:
            across = sample(w, x - half, z + half)
            value = sample(u, x - dt * u[i, k], z - dt * across)
        u_new[i, k] = value
    if i < w.shape[0]:
        value = wp.float64(0.0)
        if k > 0 and k < w.shape[1] - 1:
            across = sample(u, x + half, z - half)
            value = sample(w, x - dt * across, z - dt * w[i, k]) - dt
        w_new[i, k] = value


@wp.func
def limited(upwind: wp.float64, before: wp.float64, after: wp.float64) -> wp.float64:
    """Face value by the superbee limiter, which keeps an interface two to three cells thin."""
    zero = wp.float64(0.0)
    two = wp.float64(2.0)
    a = upwind - before
    b = after - upwind
    if a * b <= zero:
        return upwind
    r = a / b
    limiter = wp.max(wp.min(two * r, wp.float64(1.0)), wp.min(r, two))
    return upwind + wp.float64(0.5) * limiter * b


@wp.func
def face_fraction(f: wp.array2d[wp.float64], i: int, k: int, di: int, dk: int, speed: wp.float64) -> wp.float64:
    """Fraction carried across the face between cell (i, k) and the one before it along (di, dk)."""
    n = f.shape[0] - 1
    m = f.shape[1] - 1
    a = f[wp.clamp(i - 2 * di, 0, n), wp.clamp(k - 2 * dk, 0, m)]
    b = f[wp.clamp(i - di, 0, n), wp.clamp(k - dk, 0, m)]
    c = f[wp.clamp(i, 0, n), wp.clamp(k, 0, m)]
    d = f[wp.clamp(i + di, 0, n), wp.clamp(k + dk, 0, m)]
    if speed > wp.float64(0.0):
        return limited(b, a, c)
    return limited(c, d, b)


@wp.kernel(enable_backward=False)
def advect_fraction(
    f: wp.array2d[wp.float64],
    u: wp.array2d[wp.float64],
    w: wp.array2d[wp.float64],
    dt: wp.float64,
    f_new: wp.array2d[wp.float64],
):
    """Conservative transport: what leaves one cell enters the next. One thread per cell."""
    i, k = wp.tid()
    west = u[i, k] * face_fraction(f, i, k, 1, 0, u[i, k])
    east = u[i + 1, k] * face_fraction(f, i + 1, k, 1, 0, u[i + 1, k])
    south = w[i, k] * face_fraction(f, i, k, 0, 1, w[i, k])
    north = w[i, k + 1] * face_fraction(f, i, k + 1, 0, 1, w[i, k + 1])
    value = f[i, k] - dt * (east - west + north - south)
    f_new[i, k] = wp.clamp(value, wp.float64(0.0), wp.float64(1.0))


@wp.kernel(enable_backward=False)
def prepare_projection(
    f: wp.array2d[wp.float64],
    light: wp.float64,
    u: wp.array2d[wp.float64],
    w: wp.array2d[wp.float64],
    dt: wp.float64,
    density: wp.array2d[wp.float64],
    rhs: wp.array2d[wp.float64],
):
    """density, and rhs = -div(u*) / dt. One thread per cell."""
    i, k = wp.tid()
    density[i, k] = light + (wp.float64(1.0) - light) * f[i, k]
    rhs[i, k] = -(u[i + 1, k] - u[i, k] + w[i, k + 1] - w[i, k]) / dt


@wp.kernel(enable_backward=False)
def project(
    pressure: wp.array2d[wp.float64],
    density: wp.array2d[wp.float64],
    dt: wp.float64,
    u: wp.array2d[wp.float64],
    w: wp.array2d[wp.float64],
):
    """u -= dt / rho_face grad p with the solver's harmonic face density. Threads [nx, nz]: west and south faces."""
    i, k = wp.tid()
    half = wp.float64(0.5) * dt
    if i > 0:
        weight = half / density[i, k] + half / density[i - 1, k]
        u[i, k] = u[i, k] - weight * (pressure[i, k] - pressure[i - 1, k])
    if k > 0:
        weight = half / density[i, k] + half / density[i, k - 1]
        w[i, k] = w[i, k] - weight * (pressure[i, k] - pressure[i, k - 1])


class Flow:
    """The flow and its arrays. ``advance`` takes everything up to the pressure, ``apply`` uses it.

    Args:
        shape: cells, (width, height).
        contrast: heavy over light density.
        device: Warp device.
    """

    LARGEST_STEP = 0.1
    COURANT = 0.3

    def __init__(self, shape: tuple[int, int], contrast: float, device: wp.Device | str | None = None):
        self.shape, self.light, self.device = shape, 1.0 / contrast, wp.get_device(device)
        nx, nz = shape
        self.fraction = self._array(bubbles(shape))
        self.u, self.w = self._array(np.zeros((nx + 1, nz))), self._array(np.zeros((nx, nz + 1)))
        self._fraction, self._u, self._w = (wp.zeros_like(a) for a in (self.fraction, self.u, self.w))
        self.density, self.rhs = self._array(np.zeros(shape)), self._array(np.zeros(shape))
        self.dt = self.LARGEST_STEP

    def advance(self) -> None:
        """Moves fraction and velocity; leaves density and rhs ready for the pressure."""
        fastest = max(abs(self.u.numpy()).max(), abs(self.w.numpy()).max())
        self.dt = min(self.LARGEST_STEP, self.COURANT / max(fastest, 1e-9))
        inputs = [self.fraction, self.u, self.w, wp.float64(self.dt), self._fraction]
        wp.launch(advect_fraction, dim=self.shape, inputs=inputs, device=self.device)
        inputs = [self.u, self.w, wp.float64(self.dt), self._u, self._w]
        wp.launch(advect_velocity, dim=tuple(n + 1 for n in self.shape), inputs=inputs, device=self.device)
        self.fraction, self._fraction = self._fraction, self.fraction
        self.u, self._u, self.w, self._w = self._u, self.u, self._w, self.w
        self._prepare()

    def apply(self, pressure: wp.array) -> None:
        """Makes the velocity divergence-free with the frame's pressure."""
        inputs = [pressure, self.density, wp.float64(self.dt), self.u, self.w]
        wp.launch(project, dim=self.shape, inputs=inputs, device=self.device)

    def divergence(self) -> np.ndarray:
        """[shape] div u, on the host."""
        return np.diff(self.u.numpy(), axis=0) + np.diff(self.w.numpy(), axis=1)

    def _prepare(self) -> None:
        velocity = [self.u, self.w, wp.float64(self.dt)]
        inputs = [self.fraction, wp.float64(self.light), *velocity, self.density, self.rhs]
        wp.launch(prepare_projection, dim=self.shape, inputs=inputs, device=self.device)

    def _array(self, values: np.ndarray) -> wp.array:
        return wp.array(values, dtype=wp.float64, device=self.device)


def bubbles(shape: tuple[int, int]) -> np.ndarray:
    """[shape] heavy fraction: three light bubbles at rest near the bottom, one cell of smooth edge."""
    nx, nz = shape
    x, z = np.meshgrid(np.arange(nx) + 0.5, np.arange(nz) + 0.5, indexing="ij")
    fraction = np.ones(shape)
    for cx, cz, radius in ((0.3, 0.25, 0.13), (0.55, 0.4, 0.1), (0.75, 0.22, 0.15)):
        distance = np.hypot(x - cx * nx, z - cz * nz) - radius * min(nx, nz)
        fraction = np.minimum(fraction, np.clip(0.5 + distance, 0.0, 1.0))
    return fraction


def make_solver(shape: tuple[int, int], preconditioner: str, tolerance: float, device: str | None) -> Solver:
    """A solver with enough iterations for a weak preconditioner at high contrast."""
    return Solver(shape, preconditioner=preconditioner, tolerance=tolerance, max_iterations=5000, device=device)
