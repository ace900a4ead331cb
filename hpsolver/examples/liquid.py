"""A dam breaks and a paddle makes waves: a liquid with a free surface around a moving solid, 2D or 3D.

    python -m hpsolver.examples.liquid
    python -m hpsolver.examples.liquid --shape 64x40x24

Particles carry the liquid and its velocity (FLIP; Zhu and Bridson, SIGGRAPH 2005). Each step gives ``Projection`` a new
signed distance to the surface and the paddle's new cells. The whole step, from one position of all particles to the
next, is recorded as one graph and replayed. Units: cell size 1, gravity 1, density 1.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import warp as wp

from hpsolver import Projection, Solver

from .command import carry_out
from .liquid_kernels import (
    face_velocity,
    fill_paddle,
    forget,
    mark_surface,
    move,
    scatter,
    spread,
    step_clock,
)
from .liquid_pictures import Film

TOLERANCE = 1e-5
STEP = 0.25
"""Time of one step. A fall through a tank of 64 cells ends at 11 cells per unit of time, or 2.8 cells a step."""
STEPS_A_PICTURE = 4
LAYERS = 4
"""Layers of faces in the air around the liquid that take their velocity from it."""


class Liquid:
    """Particles, their grid, and one step of both.

    Args:
        shape: cells, (length, height) or (length, height, depth).
        device: a Warp device or its name.

    Attributes:
        position, velocity: [particles] vec3; in 2D their third components are 0.5 and 0.
        phi: [shape] signed distance to the surface, roughly, in cells; negative in the liquid.
    """

    def __init__(self, shape: tuple[int, ...], device: str | None = None):
        self.solver = Solver(shape, tolerance=TOLERANCE, device=device)
        self.projection, self.device, self.shape = Projection(self.solver), self.solver.device, shape
        self.grid = (*shape, 1)[:3]
        points = dam(self.grid)
        self.position = wp.array(points, dtype=wp.vec3, device=self.device)
        self.velocity = wp.zeros(len(points), dtype=wp.vec3, device=self.device)
        faces = [tuple(n + (a == axis) for a, n in enumerate(self.grid)) for axis in range(3)]
        fields = [[wp.zeros(f, dtype=float, device=self.device) for f in faces] for _ in range(5)]
        self._faces, self._before, self._weight, *self._spare = fields
        self.phi = wp.zeros(self.grid, dtype=float, device=self.device)
        self.solid = wp.zeros(self.grid, dtype=wp.uint8, device=self.device)
        self.density = wp.full(shape, 1.0, dtype=float, device=self.device)
        self.impulse = wp.zeros(shape, dtype=wp.float64, device=self.device)
        self.clock = wp.zeros(1, dtype=float, device=self.device)
        self._graph: wp.Graph | None = None

    def step(self) -> None:
        """One step: recorded the second time, replayed from then on."""
        if self._graph is None:
            self._step()
            with wp.ScopedCapture(device=self.device) as capture:
                self._step()
            self._graph = capture.graph
        else:
            wp.capture_launch(self._graph)

    def _step(self) -> None:
        particles, grid = len(self.position), self.grid
        self._launch(step_clock, 1, self.clock, STEP)
        for field in (*self._faces, *self._weight):
            field.zero_()
        self.phi.fill_(3.0)
        self._launch(fill_paddle, grid, self.clock, self.solid)
        self._launch(scatter, particles, self.position, self.velocity, *self._faces, *self._weight)
        self._launch(mark_surface, particles, self.position, self.phi)
        for axis in range(3):
            field = self._faces[axis], self._weight[axis], self._before[axis]
            self._launch(face_velocity, field[0].shape, axis, self.clock, STEP, self.solid, *field)
        axes = len(self.shape)
        sides = [
            field.reshape(shape)
            for field, shape in zip(self._faces[:axes], map(self.solver.grid.faces, range(axes)), strict=True)
        ]
        masks = {"solid": self.solid.reshape(self.shape), "surface": self.phi.reshape(self.shape)}
        self.projection.project(sides, self.density, out=self.impulse, **masks)
        for axis in range(axes):
            around = self.phi, self.solid, self._faces[axis], self._weight[axis]
            self._launch(forget, self._faces[axis].shape, axis, *around)
            known, new = (self._faces[axis], self._weight[axis]), (self._spare[0][axis], self._spare[1][axis])
            for _ in range(LAYERS):  # an even number, so that the result ends in self._faces
                self._launch(spread, known[0].shape, *known, *new)
                known, new = new, known
        fields = [*self._faces, *self._before]
        self._launch(move, particles, STEP, self.clock, self.solid, *fields, self.velocity, self.position)

    def volume(self) -> float:
        """Volume inside the surface, in cells; cells that it cuts count in part."""
        phi, solid = self.phi.numpy(), self.solid.numpy() > 0
        return float(np.where(solid, 0.0, np.clip(0.5 - phi, 0.0, 1.0)).sum())

    def _launch(self, kernel: wp.Kernel, dim: int | tuple[int, ...], *inputs: object) -> None:
        wp.launch(kernel, dim=dim, inputs=inputs, device=self.device)


def dam(grid: tuple[int, int, int]) -> np.ndarray:
    """[particles, 3] fp32: eight per cell (four in 2D), jittered, in a column at the left and a shallow pool."""
    rng = np.random.default_rng(0)
    axes = [np.arange(2 * n) / 2 + 0.25 if n > 1 else np.array([0.5]) for n in grid]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points[:, [n > 1 for n in grid]] += rng.uniform(-0.2, 0.2, (len(points), sum(n > 1 for n in grid)))
    length, height = grid[0], grid[1]
    column = (points[:, 0] < 0.3 * length) & (points[:, 1] < 0.75 * height)
    return points[column | (points[:, 1] < 0.12 * height)].astype(np.float32)


def run(options: argparse.Namespace) -> int:
    """Runs the example, checks it and draws; returns 0 when it passes its check, else 1."""
    liquid = Liquid(options.shape, options.device)
    film = Film(liquid.grid) if options.pictures else None
    print(f"{len(liquid.position):,} particles; the first step loads the kernels, and compiles them once per machine")
    liquid.step()
    wp.synchronize_device(liquid.device)
    start, milliseconds, iterations, failures = liquid.volume(), [], [], []
    for frame in range(1, options.frames + 1):
        begun = time.perf_counter()
        for _ in range(STEPS_A_PICTURE):
            liquid.step()
        wp.synchronize_device(liquid.device)
        milliseconds.append(1e3 * (time.perf_counter() - begun) / STEPS_A_PICTURE)
        info = liquid.solver.info
        iterations.append(info.iterations)
        if not info.converged:
            failures.append(f"frame {frame}: {info.status}")
        if film is not None:
            text = f"frame {frame}: {milliseconds[-1]:.1f} ms a step, {info.iterations} iterations"
            film.add(liquid.phi.numpy(), liquid.solid.numpy(), liquid.position.numpy(), liquid.velocity.numpy(), text)
        if frame % max(options.frames // 4, 1) == 0:
            print(f"frame {frame}/{options.frames}: {milliseconds[-1]:.1f} ms a step", flush=True)
    size = "x".join(map(str, options.shape))
    print(f"{options.frames} frames of {STEPS_A_PICTURE} steps on {size} cells, {liquid.device}")
    print(f"whole step: {np.median(milliseconds):.1f} ms (p50), {max(milliseconds):.1f} (max)")
    print(f"iterations of the pressure to {TOLERANCE:g}: mean {np.mean(iterations):.1f}, largest {max(iterations)}")
    points, ratio = liquid.position.numpy(), liquid.volume() / start
    print(f"volume inside the surface: {ratio:.2f} of that at first")
    if film is not None:
        film.write(options.out)
    if not np.isfinite(points).all() or (points < 0).any() or (points > np.array(liquid.grid)).any():
        failures.append("particles left the tank")
    if not 0.6 < ratio < 1.6:
        failures.append(f"the volume inside the surface became {ratio:.2f} of what it was")
    for failure in failures[:5]:
        print(f"CHECK FAILED: {failure}", file=sys.stderr)
    if not failures:
        print("check passed: every frame converged, no particle left the tank, and the liquid keeps its volume")
    return 1 if failures else 0


def main(argv: list[str] | None = None) -> int:
    """Runs the example; returns 0 when its own check passes, else 1."""
    description = __doc__.splitlines()[0]
    return carry_out(argv, run, name="liquid", description=description, shape=(128, 72), steps=STEPS_A_PICTURE)


if __name__ == "__main__":
    raise SystemExit(main())
