"""Geometric multigrid: the cycle of ``multigrid`` in 3D."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import warp as wp

from hpsolver.grid import Grid
from hpsolver.kernels import geometric as kernels
from hpsolver.kernels.building import launch
from hpsolver.system import System


class Geometric:
    """M = one V-cycle, with red-black Gauss-Seidel sweeps before and black-red ones after the coarse correction.

    The method of McAdams, Sifakis and Teran, "A parallel multigrid Poisson solver for fluids simulation on large
    grids", SCA 2010 (MGPCG), for a density that jumps; background: Trottenberg, Oosterlee and Schueller, Multigrid,
    2001. Levels halve every axis (a last odd cell stands alone) down to a single cell. Restriction is prolongation
    transposed and the smoother is symmetric, so M is symmetric positive definite whatever the coarse operators are.

    Coarse operators have 5 or 7 points and come from face conductances alone, without a matrix product:

    - the conductance of a coarse face is the geometric mean of two averages. The first takes its fine lines in
      parallel, each from centre to centre in series, and is right for layers. The second is half the sum of its fine
      faces, the Galerkin product of piecewise constants over-corrected by 2 (Braess, Computing 55, 1995), and is right
      for inclusions. On films of 1e5:1 at 64x64 they took 53 and 41 iterations alone, and their mean took 27;
    - prolongation averages the parent and the coarse cells across a cell's outer faces, weighted by the conductances
      to them, so that it follows interfaces (the operator-dependent interpolation of Khalil and Wesseling, J. Comput.
      Phys. 98, 1992, with weights that stay in [0, 1]). Only red cells need it: the sweep after the correction
      starts with the black ones and replaces them. With piecewise constants instead, ``panel`` takes 15 iterations at
      64x64 and 21 at 256x256; with this prolongation it takes 11 at both.

    Regions without open sides keep their constants on every level; an odd periodic axis gets extra cells in its seam.
    All figures here are of one sweep, in 2D. Iterations do not grow with the grid on ``panel`` (11 to 14 at 1e-8).
    They grow where phases are torn at the scale of a cell and the contrast is high: ``noise`` at 128x128 takes 12 at
    10:1, 26 at 100:1, 73 at 1000:1 and 448 at 1e5:1. A coarse cell that lies on both sides of a solid wall helps
    neither side: 11 iterations become 14 to 28 with thin walls at 128x128, and 151 with a wall every seventh cell.
    Point smoothing needs cells as wide as long: 11 iterations become 20 with spacings of 1:2, and 48 with 1:4.

    Args:
        system: the assembled problem.
        block_cells: cells of the largest level that one block takes over, with all coarser ones, in one kernel; larger
            levels are six kernels each, or ten.
        sweeps: 1 or 2.
    """

    def __init__(self, system: System, block_cells: int, sweeps: int):
        self.system = system
        T, M = system.krylov_type, system.preconditioner_type
        table = levels(system.grid)
        cells = table[:, :3].prod(axis=1)
        self._levels, self._down, self._up = len(table), kernels.DOWN[sweeps], kernels.UP[sweeps]
        self._big = int(np.argmax(cells <= block_cells))
        self._total = int(table[-1, 4]) + half_rows(table[-1])
        self._table = wp.array(table.ravel(), dtype=wp.int32, device=system.device)
        surface = system.moving is not None or bool(system.grid.sizes)  # then a leak is not twice the cell's own
        self._numbers = system.zeros(kernels.roles(surface) * self._total + kernels.OVERHANG, M)
        self._setup, self._cycle = kernels.setup(system.shape, M, surface), kernels.cycle(system.shape, T, M, sweeps)
        if self._big > 1:
            self._coarsen = kernels.coarsen(system.shape, M, surface)
        if self._big:
            self._one_step = kernels.step(system.shape, M, sweeps)

    @property
    def launches(self) -> int:
        return 3 + (len(self._down) + len(self._up)) * self._big - (self._big > 0)

    def update(self) -> None:
        system = self.system
        bricks = [system.slots, system.leaves, system.side, system.used, system.origin]
        assembled = [system.density, system.fluid, system.conductance, system.leak]
        self._launch(self._setup.faces, system.slots, *bricks, *system._scale, *assembled)
        rest = max(self._big, 1)
        for level in range(1, rest):
            self._launch(self._coarsen, system.slots, system.slots, level)
        self._launch(self._setup.coarsen_rest, 1, 1, rest, self._levels)
        # In two parts where ranks share the grid: they share the first part.
        for first, end in ((0, 1), (1, self._levels)) if system.in_layers else ((0, self._levels),):
            self._launch(self._setup.split, system.slots, system.slots, first, end)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system = self.system
        bricks = [system.slots, system.leaves, system.used, system.origin]
        self._launch(self._cycle.pack, system.slots, *bricks, r)
        for level in range(self._big):
            for step in self._down[level == 0 :]:
                self._step(level, step)
        self._launch(self._cycle.coarse, 1, 1, self._big, self._levels)
        for level in reversed(range(self._big)):
            for step in self._up:
                self._step(level, step)
        self._launch(self._cycle.unpack, system.slots, *bricks, r, z, rz)

    def _step(self, level: int, step: int) -> None:
        slots = self.system.slots
        self._launch(self._one_step, slots, slots, level, step)

    def _launch(self, kernel: wp.Kernel, blocks: int, *inputs: object) -> None:
        launch(kernel, blocks, [*inputs, self._table, self._total, self._numbers], self.system.device)


def levels(grid: Grid) -> np.ndarray:
    """[levels, FIELDS] int32, ``table`` of the kernels, the finest level first, for a 3D grid."""
    shape, periodic = grid.shape, [grid.periodic(axis) for axis in range(3)]
    table, start = [], 0
    while True:
        flags, extended = 0, list(shape)
        for axis, n in enumerate(shape):
            if periodic[axis] and n > 1:
                flags |= (1 + (n % 2 << 3)) << (2 - axis)
                extended[axis] += n % 2
        table.append((*extended, flags, start))
        if max(shape) == 1:
            return np.array(table, dtype=np.int32)
        start += half_rows(extended)
        shape = tuple((n + 1) // 2 for n in shape)


def half_rows(shape: Sequence[int]) -> int:
    """How many numbers one colour of a level takes, ghost cells included."""
    x, y, z = (int(n) for n in shape[:3])
    return (x + 2) * (y + 2) * ((z + 1) // 2 + 2)
