"""Multigrid: one V-cycle, black-box in 2D and on flat cells, geometric in 3D."""

from __future__ import annotations

import warp as wp

from .base import Preconditioner
from .black_box import STRONG, BlackBox
from .geometric import Geometric
from .options import check_at_least

BLOCK_CELLS = 4096
"""Cells of the largest level that one block of a GPU takes over, with all coarser ones."""


class Multigrid(Preconditioner):
    """M = one symmetric V-cycle on a hierarchy of grids, for a density that jumps.

    In 2D it is black-box multigrid (``BlackBox``): interpolation and coarse operators come from A, and iterations
    hardly grow with the contrast or the grid. In 3D its coarse operators have 27 points and cost more than they save,
    so the cycle has 7 points on every level (``Geometric``). Flat cells, with spacings more than 1.5 apart, take
    ``BlackBox`` in 3D too, which coarsens their short axes first. ``bench/FINDINGS.md`` has the figures.

    Walls thinner than a coarse cell, and islands of single cells, are beyond it: a frame that takes more than 50
    iterations goes on with ``schwarz``.

    Args:
        block_cells: cells of the largest level that one block takes over, with all coarser ones, in one kernel. None:
            4,096 on a GPU, all levels on the CPU.

    Raises:
        ValueError: ``block_cells`` is not a positive integer.
    """

    name = "multigrid"
    patience = 50

    def __init__(self, block_cells: int | None = None):
        if block_cells is not None:
            check_at_least("block_cells", block_cells, 1, or_else="None")
        self.block_cells = block_cells

    def allocate(self) -> None:
        system = self.system
        grid, limit = system.grid, self.block_cells or (BLOCK_CELLS if system.device.is_cuda else 2 * system.size)
        flat = max(grid.spacing) > STRONG * min(grid.spacing)
        self._cycle = Geometric(system, limit) if grid.dimension == 3 and not flat else BlackBox(system, limit)

    @property
    def launches(self) -> int:
        return self._cycle.launches

    def update(self) -> None:
        self._cycle.update()

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        self._cycle.apply(r, z, rz)
