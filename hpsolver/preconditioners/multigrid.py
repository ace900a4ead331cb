"""Multigrid: one V-cycle, black-box in 2D and on flat cells, geometric in 3D."""

from __future__ import annotations

import warp as wp

from hpsolver.grid import Grid

from .base import Patience, Preconditioner
from .black_box import STRONG, BlackBox
from .geometric import Geometric
from .nested import band_work
from .options import check_at_least, check_one_of
from .schwarz import FUNCTIONS, Schwarz, functions_needed

BLOCK_CELLS = 1024
"""Cells of the largest level that one block of a GPU takes over, with all coarser ones: four for each of its lanes. On
an H100 the levels of up to 4,096 cells took 59 us an iteration in one block, and a pass over a larger level in a kernel
of its own took 2.8 us. That a smaller limit is faster follows from these figures, but has not been measured."""

SMALL_LEAVES = 40_000
"""Cells of a 2D grid up to which, on a CPU, the fallback is fastest on leaves of 64 cells."""

SMALL_SPACE = 8_000
"""Cells of a 3D grid up to which 16 candidates are enough for 8 functions."""

EXACT_WORK = 17_000
"""rows * width^2, per cell of a 3D grid, of the largest band with which, on a CPU, the fallback has 8 functions a leaf
and solves its coarse problem exactly: thin films come to it, which need both."""

PATIENCE = {2: Patience(40, 12, 0.22), 3: Patience(70, 14, 0.2)}
"""By dimension. Nearly all frames of the gallery that come nowhere so early would use up all of it."""

ONE_SWEEP_PATIENCE = Patience(100, 20, 0.2)
"""The same in 3D with one sweep, as on a GPU."""

LITTLE_PATIENCE = Patience(40, 10, 0.2)
"""In 3D up to ``LITTLE_SPACE`` cells on a CPU, where a frame of ``schwarz`` is short."""

LITTLE_SPACE = 20_000

DOUBTFUL = 0.25
"""Frames begin with ``schwarz`` if solids reach (3D: cut) more than this share of the leaves with fluid."""


class Multigrid(Preconditioner):
    """M = one symmetric V-cycle on a hierarchy of grids, for a density that jumps.

    In 2D it is black-box multigrid (``BlackBox``): interpolation and coarse operators come from A, and iterations
    hardly grow with the contrast or the grid. In 3D black-box coarse operators have 27 points and cost more than they
    save, so the operators have 7 points on every level (``Geometric``). Flat cells, whose spacings differ by a factor
    of more than 1.5, take ``BlackBox`` in 3D too, which coarsens their short axes first. ``bench/FINDINGS.md`` has the
    figures.

    Multigrid is slow on walls thinner than a coarse cell, islands of single cells and torn thin films: a frame that
    uses up its ``PATIENCE``, or has come nowhere after the first part of it, goes on with ``schwarz``, which then
    begins the next frames too. Where solids reach many leaves (``DOUBTFUL``), ``schwarz`` begins at once.

    Args:
        block_cells: cells of the largest level that one block takes over, with all coarser ones, in one kernel. None:
            1,024 on a GPU and for several threads of a CPU, all levels for one.
        sweeps: of the cycle in 3D, before and after the coarse correction, 1 or 2. Two save a third of the iterations.
            None: 2 on the CPU, 1 on a GPU, where a sweep is four more kernels a level.

    Raises:
        ValueError: ``block_cells`` is not a positive integer, or ``sweeps`` is not 1 or 2.
    """

    name = "multigrid"
    spreads = True
    one_kernel: tuple[str, ...] = ("update", "solve")

    def __init__(self, block_cells: int | None = None, sweeps: int | None = None):
        if block_cells is not None:
            check_at_least("block_cells", block_cells, 1, or_else="None")
        check_one_of("sweeps", sweeps, (1, 2), or_none=True)
        self.block_cells, self.sweeps = block_cells, sweeps

    def leaf_cells(self, grid: Grid) -> int:
        return 64 if grid.dimension == 2 and grid.cells <= SMALL_LEAVES else 128  # for the fallback; the cycle has none

    def shapes_leaves(self, grid: Grid) -> bool:
        return Schwarz().shapes_leaves(grid)

    def cut_axis(self, grid: Grid) -> int | None:
        return 3 - grid.dimension

    def allocate(self) -> None:
        system = self.system
        sweeps = self.sweeps or (1 if system.device.is_cuda else 2)
        self.patience, self.doubtful = self._patience(sweeps), self._doubts()
        shared = system.device.is_cuda or system.threads > 1
        grid, limit = system.grid, self.block_cells or (BLOCK_CELLS if shared else 2 * system.size)
        flat = max(grid.spacing) > STRONG * min(grid.spacing)
        geometric = grid.dimension == 3 and not flat
        if system.in_layers and self.block_cells is None:  # ranks share the finest level, so it needs its own kernels
            limit = min(limit, max(grid.cells // 8 if geometric else grid.cells, 2) - 1)
        self._cycle = Geometric(system, limit, sweeps) if geometric else BlackBox(system, limit)
        if grid.dimension == 3 and not geometric:  # 27 points: one kernel compiles for a minute, and spills registers
            self.one_kernel = ()

    def choose_fallback(self) -> str | Preconditioner | None:
        """A stronger ``schwarz`` than by default, since only hard frames come to it; on a GPU, where none was measured,
        only on small leaves. Where solids ask for more functions, and in a fluid that moves, it decides on them
        itself."""
        system, grid = self.system, self.system.grid
        whole = system.moving is None and functions_needed(system) == FUNCTIONS
        if self.fallback != Schwarz.name or not whole:
            return self.fallback
        R = 2 * FUNCTIONS
        if system.bricks.leaf_size == 64:
            return Schwarz(FUNCTIONS, candidates=R)
        if system.device.is_cuda:
            return self.fallback
        if grid.dimension == 3 and band_work(system.bricks, R) <= EXACT_WORK * grid.cells:
            return Schwarz(R, candidates=(3 if grid.cells > SMALL_SPACE else 2) * R, levels=2)
        return Schwarz(FUNCTIONS, candidates=R if self.doubtful else 2 * R)

    def _patience(self, sweeps: int) -> Patience:
        grid = self.system.grid
        if grid.dimension == 2:
            return PATIENCE[2]
        if grid.cells <= LITTLE_SPACE and not self.system.device.is_cuda:
            return LITTLE_PATIENCE
        return ONE_SWEEP_PATIENCE if sweeps == 1 else PATIENCE[3]

    def _doubts(self) -> bool:
        """Whether lines of a stretched grid should be relaxed; or whether solids reach (2D) or cut (3D) more than
        ``DOUBTFUL`` of the leaves with fluid."""
        system = self.system
        if system.grid.line_axes:
            return True
        if system.moving:
            return False
        wet = system.leaf_fluid
        if system.grid.dimension == 2:
            solid = (system.fluid.numpy() == 0) & (system.bricks.cell >= 0)
            hit = wet & solid.reshape(system.leaves, -1).any(axis=1)
        else:
            hit = system.leaf_pieces > 1
        return bool(hit.sum() > DOUBTFUL * wet.sum())

    @property
    def launches(self) -> int:
        return self._cycle.launches

    def update(self) -> None:
        self._cycle.update()

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        self._cycle.apply(r, z, rz)
