"""Geometric multigrid: the preconditioner of film and games (MGPCG), for a density that jumps."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import warp as wp

from hpsolver.kernels import multigrid as kernels
from hpsolver.kernels.native import launch

from .base import Preconditioner

BLOCK_CELLS = 4096
"""Largest level that one block of a GPU takes over, with all coarser ones."""


class Multigrid(Preconditioner):
    name = "multigrid"

    def __init__(self, block_cells: int | None = None):
        if block_cells is not None and (not isinstance(block_cells, Integral) or block_cells < 1):
            raise ValueError(f"block_cells must be a positive integer or None, got {block_cells!r}")
        self.block_cells = block_cells

    def allocate(self) -> None:
        system = self.system
        T, M = system.krylov_type, system.preconditioner_type
        table = levels(system.grid)
        cells = table[:, :3].prod(axis=1)
        limit = self.block_cells or (BLOCK_CELLS if system.device.is_cuda else int(cells[0]))
        self._levels = len(table)
        self._big = int(np.argmax(cells <= limit))
        self._total = int(table[-1, 4] + half_rows(table[-1], system.grid.dimension))
        self._table = system._on_device(table)
        self._numbers = system.zeros(kernels.roles(system.grid.dimension) * self._total + 4, M)
        self._setup, self._cycle = kernels.setup(system.shape, M), kernels.cycle(system.shape, T, M)

    @property
    def launches(self) -> int:
        return 3 + 6 * self._big - (self._big > 0)

    def update(self) -> None:
        system = self.system
        bricks = [system.slots, system.leaves, system.side, system.used, system.origin]
        self._launch(
            self._setup.faces, system.slots, *bricks, *system._scale, system.density, system.fluid, system.conductance
        )
        rest = max(self._big, 1)
        for level in range(1, rest):
            self._launch(self._setup.coarsen, system.slots, system.slots, level)
        self._launch(self._setup.coarsen_rest, 1, 1, rest, self._levels)
        self._launch(self._setup.split, system.slots, system.slots, self._levels)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system = self.system
        bricks = [system.slots, system.leaves, system.used, system.origin]
        self._launch(self._cycle.pack, system.slots, *bricks, r)
        for level in range(self._big):
            if level > 0:
                self._step(level, kernels.RESTRICT)
            self._step(level, kernels.BLACK)
            self._step(level, kernels.RESIDUAL)
        self._launch(self._cycle.coarse, 1, 1, self._big, self._levels)
        for level in reversed(range(self._big)):
            for step in (kernels.PROLONG, kernels.POST_BLACK, kernels.POST_RED):
                self._step(level, step)
        self._launch(self._cycle.unpack, system.slots, *bricks, r, z, rz)

    def _step(self, level: int, step: int) -> None:
        slots = self.system.slots
        self._launch(self._cycle.step, slots, slots, level, step)

    def _launch(self, kernel: wp.Kernel, blocks: int, *inputs: object) -> None:
        launch(kernel, blocks, [*inputs, self._table, self._total, self._numbers], self.system.device)


def levels(grid) -> np.ndarray:
    shape = (1,) * (3 - grid.dimension) + grid.shape
    periodic = [False] * (3 - grid.dimension) + [grid.periodic(a) for a in range(grid.dimension)]
    table, start = [], 0
    while True:
        wraps = sum(1 << (2 - a) for a in range(3) if periodic[a] and shape[a] > 1)
        table.append((*shape, wraps, start))
        if max(shape) == 1:
            return np.array(table, dtype=np.int32)
        start += half_rows(table[-1], grid.dimension)
        shape = tuple((n + 1) // 2 for n in shape)


def half_rows(level, dimension: int) -> int:
    """Numbers of one colour of a level, ghosts included."""
    x, y, z = (int(n) for n in level[:3])
    return (x + 2 * (dimension == 3)) * (y + 2) * ((z + 1) // 2 + 2)
