"""A two-phase flow for the examples: its arrays on the device, its transport, and its projection.

Units: cell size 1, gravity 1, heavy density 1; the second axis is height.

Staggered grid: horizontal velocity u [nx + 1, nz] and vertical velocity w [nx, nz + 1] on faces, heavy fraction,
density and pressure [nx, nz] in cells. The fraction is carried as volumes cut by one line per cell (piecewise-linear
VOF, Weymouth and Yue 2010): the interface stays one cell thin, and mass changes only by the divergence left over.
"""

from __future__ import annotations

import math

import numpy as np
import warp as wp

Real = wp.float64  # single precision would round away a divergence that is gone to 1e-6
Field = wp.array2d[wp.float64]

ZERO, HALF, ONE, TWO = (wp.constant(wp.float64(value)) for value in (0.0, 0.5, 1.0, 2.0))


# --- transport of the fraction ----------------------------------------------------------------------------------------


@wp.func
def row(f: Field, i: int, k: int, di: int, dk: int) -> Real:
    """f summed with weights 1, 2, 1 along (di, dk) about cell (i, k), clamped to the tank."""
    n = f.shape[0] - 1
    m = f.shape[1] - 1
    before = f[wp.clamp(i - di, 0, n), wp.clamp(k - dk, 0, m)]
    here = f[wp.clamp(i, 0, n), wp.clamp(k, 0, m)]
    after = f[wp.clamp(i + di, 0, n), wp.clamp(k + dk, 0, m)]
    return before + TWO * here + after


@wp.func
def area_below(a: Real, b: Real, level: Real) -> Real:
    """Area of the unit square where a x + b z < level; a, b >= 0, not both 0."""
    small = wp.min(a, b) / (a + b)
    cut = wp.clamp(level / (a + b), ZERO, ONE)
    near = wp.min(cut, ONE - cut)  # the line seen from its nearer corner
    area = (near - HALF * small) / (ONE - small)
    if near < small:
        area = near * near / (TWO * small * (ONE - small))
    return wp.where(cut > HALF, ONE - area, area)


@wp.func
def level_of(a: Real, b: Real, area: Real) -> Real:
    """The level at which ``area_below`` is ``area``; a + b = 1."""
    small = wp.min(a, b)
    near = wp.min(area, ONE - area)
    level = (ONE - small) * near + HALF * small
    if TWO * near * (ONE - small) < small:
        level = wp.sqrt(TWO * small * (ONE - small) * near)
    return wp.where(area > HALF, ONE - level, level)


@wp.func
def carried(f: Field, i: int, k: int, di: int, dk: int, courant: Real) -> Real:
    """Heavy volume that crosses the face below cell (i, k) along (di, dk), signed like the Courant number."""
    if courant == ZERO:  # no strip, hence no area to ask for
        return ZERO
    if courant > ZERO:
        i = i - di
        k = k - dk
    if i < 0 or k < 0 or i >= f.shape[0] or k >= f.shape[1]:  # nothing comes through a wall
        return ZERO
    fraction = f[i, k]
    along = row(f, i - di, k - dk, dk, di) - row(f, i + di, k + dk, dk, di)
    across = row(f, i - dk, k - di, di, dk) - row(f, i + dk, k + di, di, dk)
    total = wp.abs(along) + wp.abs(across)
    if fraction <= ZERO or fraction >= ONE or total == ZERO:
        return fraction * courant
    # (a, b) is the normal from heavy to light, mirrored into the first quadrant. What crosses is a strip at one end.
    a = wp.abs(along) / total
    b = wp.abs(across) / total
    level = level_of(a, b, fraction)
    width = wp.abs(courant)
    if (courant > ZERO) == (along > ZERO):
        level = level - a * (ONE - width)
    return courant * area_below(a * width, b, level)


@wp.kernel(enable_backward=False)
def sweep(f: Field, first: Field, velocity: Field, dt: Real, di: int, dk: int, f_new: Field):
    """Carries the fraction along one axis (di, dk). Threads [nx, nz].

    The flow along one axis alone stretches the fluid. By ``first``, the fraction before the first sweep, all sweeps
    decide which cells count the stretch as heavy, so that stretches cancel where the flow is free of divergence.
    """
    i, k = wp.tid()
    low = dt * velocity[i, k]
    high = dt * velocity[i + di, k + dk]
    leaving = carried(f, i + di, k + dk, di, dk, high) - carried(f, i, k, di, dk, low)
    stretch = wp.where(first[i, k] > HALF, high - low, ZERO)
    f_new[i, k] = wp.clamp(f[i, k] - leaving + stretch, ZERO, ONE)


# --- transport of the velocity, and projection ------------------------------------------------------------------------


@wp.func
def sample(field: Field, x: Real, z: Real) -> Real:
    """Bilinear value at (x, z) in index units, clamped to the array."""
    x = wp.clamp(x, ZERO, wp.float64(field.shape[0] - 1))
    z = wp.clamp(z, ZERO, wp.float64(field.shape[1] - 1))
    i = wp.min(int(x), field.shape[0] - 2)
    k = wp.min(int(z), field.shape[1] - 2)
    s = x - wp.float64(i)
    t = z - wp.float64(k)
    low = (ONE - s) * field[i, k] + s * field[i + 1, k]
    high = (ONE - s) * field[i, k + 1] + s * field[i + 1, k + 1]
    return (ONE - t) * low + t * high


@wp.func
def departure(u: Field, w: Field, x: Real, z: Real, dt: Real) -> wp.vec2d:
    """Where the fluid now at (x, z) was dt ago (midpoint rule)."""
    h = HALF * dt
    x_mid = x - h * sample(u, x, z - HALF)
    z_mid = z - h * sample(w, x - HALF, z)
    return wp.vec2d(x - dt * sample(u, x_mid, z_mid - HALF), z - dt * sample(w, x_mid - HALF, z_mid))


@wp.kernel(enable_backward=False)
def advect_velocity(u: Field, w: Field, dt: Real, u_new: Field, w_new: Field):
    """Semi-Lagrangian transport, then gravity; wall faces stay at rest (zero). Threads [nx, nz]: lower faces."""
    i, k = wp.tid()
    x = wp.float64(i)
    z = wp.float64(k)
    if i > 0:
        start = departure(u, w, x, z + HALF, dt)
        u_new[i, k] = sample(u, start[0], start[1] - HALF)
    if k > 0:
        start = departure(u, w, x + HALF, z, dt)
        w_new[i, k] = sample(w, start[0] - HALF, start[1]) - dt


@wp.kernel(enable_backward=False)
def prepare_projection(f: Field, light: Real, u: Field, w: Field, dt: Real, density: Field, rhs: Field):
    """density, and rhs = -div(u*) / dt, which makes div(u* - dt / rho grad p) = 0. Threads [nx, nz]."""
    i, k = wp.tid()
    density[i, k] = light + (ONE - light) * f[i, k]
    rhs[i, k] = -(u[i + 1, k] - u[i, k] + w[i, k + 1] - w[i, k]) / dt


@wp.kernel(enable_backward=False)
def subtract_gradient(pressure: Field, density: Field, dt: Real, u: Field, w: Field):
    """u -= dt / rho_face grad p, by the solver's own face rule: 1 / rho_face is the mean of 1 / rho. Threads [nx, nz].

    Only this rule leaves a divergence that is the solver's residual, term by term.
    """
    i, k = wp.tid()
    if i > 0:
        volume = HALF / density[i, k] + HALF / density[i - 1, k]
        u[i, k] = u[i, k] - dt * volume * (pressure[i, k] - pressure[i - 1, k])
    if k > 0:
        volume = HALF / density[i, k] + HALF / density[i, k - 1]
        w[i, k] = w[i, k] - dt * volume * (pressure[i, k] - pressure[i, k - 1])


@wp.kernel(enable_backward=False)
def find_fastest(u: Field, w: Field, fastest: wp.array[wp.float64]):
    """fastest [1] = the largest speed. Threads [nx, nz]: lower faces; upper ones of the tank are at rest."""
    i, k = wp.tid()
    wp.atomic_max(fastest, 0, wp.max(wp.abs(u[i, k]), wp.abs(w[i, k])))


class Flow:
    """The flow, its arrays on the device. ``advance`` takes it to the pressure; then ``hpsolver.Projection`` makes its
    ``velocity`` free of divergence, or, given the pressure, ``project`` does.

    Args:
        shape: cells, (width, height).
        contrast: heavy over light density.
        device: Warp device.
    """

    def __init__(self, shape: tuple[int, int], contrast: float, device: wp.Device | str | None = None):
        self.shape, self.light, self.device = shape, wp.float64(1.0 / contrast), wp.get_device(device)
        nx, nz = shape
        # Fluid that has fallen freely through the whole tank crosses one cell per frame.
        self.dt = 1.0 / math.sqrt(2.0 * nz)
        self.fraction = wp.array(bubbles(shape), dtype=wp.float64, device=self.device)
        self.density, self.rhs, self._half, self._whole = (wp.zeros_like(self.fraction) for _ in range(4))
        self.u, self._u = (wp.zeros((nx + 1, nz), dtype=wp.float64, device=self.device) for _ in range(2))
        self.w, self._w = (wp.zeros((nx, nz + 1), dtype=wp.float64, device=self.device) for _ in range(2))
        self._fastest = wp.zeros(1, dtype=wp.float64, device=self.device)
        self._axes = [("u", 1, 0), ("w", 0, 1)]

    def advance(self) -> None:
        """Moves fraction and velocity by dt; leaves density and rhs ready for the pressure."""
        self._fastest.zero_()
        self._launch(find_fastest, self.u, self.w, self._fastest)
        # Jets of light fluid outrun all else: the fraction takes as many steps as keep its Courant number below 1/2.
        steps = math.ceil(min(100.0, max(1.0, self.dt * self._fastest.numpy()[0] / 0.45)))
        for _ in range(steps):
            self.carry_fraction(wp.float64(self.dt / steps))
        self._launch(advect_velocity, self.u, self.w, wp.float64(self.dt), self._u, self._w)
        self.u, self._u, self.w, self._w = self._u, self.u, self._w, self.w
        velocity = self.u, self.w, wp.float64(self.dt)
        self._launch(prepare_projection, self.fraction, self.light, *velocity, self.density, self.rhs)

    def project(self, pressure: wp.array) -> None:
        """Makes the velocity divergence-free with the frame's pressure [shape]."""
        self._launch(subtract_gradient, pressure, self.density, wp.float64(self.dt), *self.velocity)

    @property
    def velocity(self) -> tuple[wp.array, wp.array]:
        """u, w."""
        return self.u, self.w

    def divergence(self) -> np.ndarray:
        """div u [shape], on the host."""
        return np.diff(self.u.numpy(), axis=0) + np.diff(self.w.numpy(), axis=1)

    def carry_fraction(self, dt: wp.float64) -> None:
        first, half, whole = self.fraction, self._half, self._whole
        for (name, *axis), (old, new) in zip(self._axes, ((first, half), (half, whole)), strict=True):
            self._launch(sweep, old, first, getattr(self, name), dt, *axis, new)
        self.fraction, self._whole = whole, first
        self._axes.reverse()  # which axis goes first alternates, so that neither is favoured

    def _launch(self, kernel: wp.Kernel, *inputs: object) -> None:
        wp.launch(kernel, dim=self.shape, inputs=inputs, device=self.device)


def bubbles(shape: tuple[int, int]) -> np.ndarray:
    """Heavy fraction [shape]: three light bubbles at rest in the lower half of the tank."""
    nx, nz = shape
    x, z = np.meshgrid(np.arange(nx) + 0.5, np.arange(nz) + 0.5, indexing="ij")
    fraction = np.ones(shape)
    for cx, cz, radius in ((0.3, 0.25, 0.13), (0.55, 0.4, 0.1), (0.75, 0.22, 0.15)):
        distance = np.hypot(x - cx * nx, z - cz * nz) - radius * min(nx, nz)
        fraction = np.minimum(fraction, np.clip(0.5 + distance, 0.0, 1.0))
    return fraction
