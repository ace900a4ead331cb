"""Smoke rises past a moving ball, 2D or 3D: solids that change every frame, the whole step as one graph.

    python -m hpsolver.examples.smoke
    python -m hpsolver.examples.smoke --shape 48x64x48

The flow has semi-Lagrangian transport (Stam, SIGGRAPH 1999), buoyancy in proportion to the smoke, and an open top. Each
step gives ``Projection`` the ball's new cells; steps are recorded once and replayed. Units: cell size 1, density 1; the
second axis is height.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import warp as wp

from hpsolver import Projection, Solver

from .command import carry_out
from .liquid_kernels import flow_at, sample, step_clock
from .smoke_pictures import write_film

TOLERANCE = 1e-4
STEP = 1.0
BUOYANCY = wp.constant(0.08)
SPEED = wp.constant(0.05)
"""Speed of the ball's swing, in radians per unit of time."""


@wp.func
def ball_centre(time: float, length: int) -> float:
    return float(length) * (0.5 + 0.22 * wp.sin(SPEED * time))


@wp.func
def ball_velocity(time: float, length: int) -> float:
    return float(length) * 0.22 * SPEED * wp.cos(SPEED * time)


@wp.func
def in_ball(x: wp.vec3, time: float, shape: wp.vec3i) -> bool:
    centre = wp.vec3(ball_centre(time, shape[0]), 0.45 * float(shape[1]), 0.5 * float(shape[2]))
    return wp.length(x - centre) < 0.13 * float(shape[0])


@wp.kernel(enable_backward=False)
def place_ball(clock: wp.array[float], solid: wp.array3d[wp.uint8]):
    """solid: the cells whose centre is in the ball."""
    i, j, k = wp.tid()
    x = wp.vec3(float(i) + 0.5, float(j) + 0.5, float(k) + 0.5)
    shape = wp.vec3i(solid.shape[0], solid.shape[1], solid.shape[2])
    solid[i, j, k] = wp.where(in_ball(x, clock[0], shape), wp.uint8(1), wp.uint8(0))


@wp.func
def behind(x: wp.vec3, u: wp.array3d[float], v: wp.array3d[float], w: wp.array3d[float]) -> wp.vec3:
    """Where the fluid that is now at x was one step ago; midpoint rule."""
    middle = x - 0.5 * STEP * flow_at(x, u, v, w)
    return x - STEP * flow_at(middle, u, v, w)


@wp.func
def smoke_at(x: wp.vec3, smoke: wp.array3d[float]) -> float:
    """The smoke at a point, linear between the centres of cells; ``sample`` expects faces, half a cell off."""
    return sample(x - wp.vec3(0.5, 0.0, 0.0), 0, smoke)


@wp.kernel(enable_backward=False)
def carry_smoke(
    u: wp.array3d[float],
    v: wp.array3d[float],
    w: wp.array3d[float],
    solid: wp.array3d[wp.uint8],
    smoke: wp.array3d[float],
    target: wp.array3d[float],
):
    """target: the smoke that the flow brings, and a source at the floor."""
    i, j, k = wp.tid()
    x = wp.vec3(float(i) + 0.5, float(j) + 0.5, float(k) + 0.5)
    value = smoke_at(behind(x, u, v, w), smoke)
    along = (x[0] - 0.5 * float(smoke.shape[0])) / float(smoke.shape[0])
    across = (x[2] - 0.5 * float(smoke.shape[2])) / float(smoke.shape[0])
    if x[1] < 0.06 * float(smoke.shape[1]) and along * along + across * across < 0.01:
        value = 1.0
    target[i, j, k] = wp.where(solid[i, j, k] != wp.uint8(0), 0.0, value)


@wp.kernel(enable_backward=False)
def carry_velocity(
    axis: int,
    clock: wp.array[float],
    u: wp.array3d[float],
    v: wp.array3d[float],
    w: wp.array3d[float],
    smoke: wp.array3d[float],
    target: wp.array3d[float],
):
    """target: the velocity of an axis that the flow brings, and buoyancy; walls rest, and the ball has its own."""
    i, j, k = wp.tid()
    x = wp.vec3(float(i) + 0.5, float(j) + 0.5, float(k) + 0.5)
    x[axis] = x[axis] - 0.5
    step = wp.vec3(0.0, 0.0, 0.0)
    step[axis] = 0.5
    value = flow_at(behind(x, u, v, w), u, v, w)[axis]
    if axis == 1:
        value += STEP * BUOYANCY * smoke_at(x, smoke)
    shape = wp.vec3i(smoke.shape[0], smoke.shape[1], smoke.shape[2])
    if in_ball(x - step, clock[0], shape) or in_ball(x + step, clock[0], shape):
        value = wp.where(axis == 0, ball_velocity(clock[0], shape[0]), 0.0)
    at_wall = x[axis] == 0.0 or (x[axis] == float(shape[axis]) and axis != 1)
    target[i, j, k] = wp.where(at_wall, 0.0, value)


class Plume:
    """Smoke and its velocity, and one step of both.

    Attributes:
        smoke, solid: [length, height, depth]; depth is 1 in 2D.
    """

    def __init__(self, shape: tuple[int, ...], device: str | None = None):
        boundary = ("wall", ("wall", "open"), "wall")[: len(shape)]
        self.solver = Solver(shape, boundary=boundary, tolerance=TOLERANCE, device=device)
        self.projection, self.device, self.shape = Projection(self.solver), self.solver.device, shape
        self.grid = (*shape, 1)[:3]
        zeros = {"dtype": float, "device": self.device}
        faces = [tuple(n + (a == axis) for a, n in enumerate(self.grid)) for axis in range(3)]
        self.velocity, self._velocity = ([wp.zeros(f, **zeros) for f in faces] for _ in range(2))
        self.smoke, self._smoke = wp.zeros(self.grid, **zeros), wp.zeros(self.grid, **zeros)
        self.solid = wp.zeros(self.grid, dtype=wp.uint8, device=self.device)
        self.density = wp.full(shape, 1.0, **zeros)
        self.impulse = wp.zeros(shape, dtype=wp.float64, device=self.device)
        self.clock = wp.zeros(1, **zeros)
        self._graph: wp.Graph | None = None

    def step(self) -> None:
        """Two steps, after which every array has its first role again: recorded the second time, then replayed."""
        if self._graph is None:
            self._steps()
            with wp.ScopedCapture(device=self.device) as capture:
                self._steps()
            self._graph = capture.graph
        else:
            wp.capture_launch(self._graph)

    def _steps(self) -> None:
        for _ in range(2):
            self._launch(step_clock, 1, self.clock, STEP)
            self._launch(place_ball, self.grid, self.clock, self.solid)
            self._launch(carry_smoke, self.grid, *self.velocity, self.solid, self.smoke, self._smoke)
            for axis, new in enumerate(self._velocity):
                inputs = [axis, self.clock, *self.velocity, self._smoke, new]
                self._launch(carry_velocity, new.shape, *inputs)
            self.velocity, self._velocity = self._velocity, self.velocity
            self.smoke, self._smoke = self._smoke, self.smoke
            solid = self.solid.reshape(self.shape)
            self.projection.project(self.sides(), self.density, solid=solid, out=self.impulse)

    def sides(self) -> list[wp.array]:
        """The velocity as ``Projection`` takes it."""
        return [self.velocity[axis].reshape(self.solver.grid.faces(axis)) for axis in range(len(self.shape))]

    def divergence(self) -> float:
        """The largest |div u| outside the ball."""
        left = self.projection.divergence(self.sides()).numpy()
        return float(abs(np.where(self.solid.numpy().reshape(self.shape) > 0, 0.0, left)).max())

    def _launch(self, kernel: wp.Kernel, dim: int | tuple[int, ...], *inputs: object) -> None:
        wp.launch(kernel, dim=dim, inputs=inputs, device=self.device)


def run(options: argparse.Namespace) -> int:
    """Runs the example, checks it and draws; returns 0 when it passes its check, else 1."""
    plume = Plume(options.shape, options.device)
    print("the first step loads the kernels, and compiles them once per machine", flush=True)
    plume.step()
    milliseconds, iterations, film, failures = [], [], [], []
    for frame in range(1, options.frames + 1):
        begun = time.perf_counter()
        plume.step()
        wp.synchronize_device(plume.device)
        milliseconds.append(1e3 * (time.perf_counter() - begun) / 2)
        info = plume.solver.info
        iterations.append(info.iterations)
        if not info.converged:
            failures.append(f"frame {frame}: {info.status}")
        if options.pictures:
            text = f"frame {frame}: {milliseconds[-1]:.1f} ms a step, {info.iterations} iterations"
            film.append((plume.smoke.numpy().mean(axis=2), plume.solid.numpy().mean(axis=2), text))
        if frame % max(options.frames // 4, 1) == 0:
            print(f"frame {frame}/{options.frames}: {milliseconds[-1]:.1f} ms a step", flush=True)
    print(f"{options.frames} frames of 2 steps on {'x'.join(map(str, options.shape))} cells, {plume.device}")
    print(f"whole step: {np.median(milliseconds):.1f} ms (p50), {max(milliseconds):.1f} (max)")
    print(f"iterations of the pressure to {TOLERANCE:g}: mean {np.mean(iterations):.1f}, largest {max(iterations)}")
    left, fastest = plume.divergence(), max(float(abs(u.numpy()).max()) for u in plume.velocity)
    print(f"largest |div u| outside the ball {left:.1e}, largest velocity {fastest:.2f} cells a step")
    if options.pictures:
        write_film(options.out, film)
    if not left <= 1e-2 * max(fastest, 1e-30):
        failures.append(f"divergence {left:.1e} is left over")
    for failure in failures[:5]:
        print(f"CHECK FAILED: {failure}", file=sys.stderr)
    if not failures:
        print("check passed: every frame converged, and leaves no divergence outside the ball")
    return 1 if failures else 0


def main(argv: list[str] | None = None) -> int:
    """Runs the example; returns 0 when its own check passes, else 1."""
    description = __doc__.splitlines()[0]
    return carry_out(argv, run, name="smoke", description=description, shape=(128, 192), steps=2)


if __name__ == "__main__":
    raise SystemExit(main())
