"""Black-box multigrid: the V-cycle of ``multigrid`` in 2D, with interpolation from the operator's own rows."""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.grid import Grid
from hpsolver.kernels import multigrid as kernels
from hpsolver.kernels.building import launch
from hpsolver.system import System

STRONG = 1.5
"""An axis is coarsened if its spacing is at most this times the smallest. Along axes of longer cells the coupling is
weak, and a point smoother leaves errors rough."""


class BlackBox:
    """M = one V-cycle with two Jacobi sweeps before and after the coarse correction.

    The method of Alcouffe, Brandt, Dendy and Painter (SIAM J. Sci. Stat. Comput. 2, 1981) and of Dendy (J. Comput.
    Phys. 48, 1982), with a smoother that updates all cells at once:

    - A coarse level keeps every second cell of each axis. Other cells take their value from A x = 0 in their own row,
      with the couplings along other axes collapsed, so interpolation follows interfaces between densities.
    - The coarse operator is the Galerkin product P^T A P, with 9 points in 2D and 27 in 3D. Each coupling is stored
      once, and the part of the diagonal that leaves through open sides is stored separately. So regions without open
      sides keep their constants exactly, on every level and in every precision.
    - The factors of the two sweeps are 0.57 and 1.58, over max(a_ii, sum_j |a_ij| / 2), which is a_ii where all
      couplings have the usual sign. They make Chebyshev's polynomial over [0.4, 2], where the eigenvalues are that a
      coarse level does not see (Adams, Brezina, Hu and Tuminaro, J. Comput. Phys. 188, 2003); in any case both sweeps
      together contract, so M is symmetric positive definite.
    - Axes whose spacing is above 1.5 times the smallest are coarsened later, when the others have caught up.
    - A level of at most 64 cells is solved exactly.

    Iterations hardly depend on the contrast, nor on the grid's size, while the phases are larger than a few cells.
    Islands of single cells (``noise``) lie between coarse cells; there ``schwarz`` is stronger. Walls thinner than a
    coarse cell cut what coarse cells join, and cost iterations too.

    Args:
        system: the assembled problem.
        block_cells: cells of the largest level that one block takes over, with all coarser ones, in one kernel; larger
            levels are two kernels each.
    """

    def __init__(self, system: System, block_cells: int):
        self.system = system
        T, M = system.krylov_type, system.preconditioner_type
        table, total = levels(system.grid, system.moving is not None)
        cells = table[:, :3].prod(axis=1)
        self._levels, coarsest = len(table), int(cells[-1])
        self._big = min(int((cells > block_cells).sum()), self._levels - 1)  # the coarsest is solved in one block
        self._table = wp.array(table.ravel(), dtype=wp.int32, device=system.device)
        self._numbers = system.zeros(total, M)
        self._inverse = system.zeros(coarsest**2, M)
        self._work = system.zeros(coarsest**2, wp.float64)
        dimension = system.grid.dimension
        self._fine, self._setup_rest = kernels.fine(system.shape, M), kernels.setup_rest(dimension, M)
        self._copies, self._rest = kernels.copies(system.shape, T, M), kernels.rest(dimension, M)
        if self._big:
            self._phase, self._passes = kernels.phase(dimension, M), kernels.passes(dimension, M, system.threads)

    @property
    def launches(self) -> int:
        return 3 + 2 * self._big

    def update(self) -> None:
        system = self.system
        bricks = [system.slots, system.leaves, system.used, system.origin]
        assembled = [system.conductance, system.leak, system.diagonal]
        self._launch(self._fine, system.slots, *bricks, *assembled)
        for level in range(self._big):
            for phase in range(system.grid.dimension + 2):
                self._launch(self._phase, system.slots, system.slots, level, phase)
        self._launch(self._setup_rest, 1, 1, self._big, self._levels, self._work, self._inverse)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        slots = self.system.slots
        bricks = [slots, self.system.leaves, self.system.used, self.system.origin]
        self._launch(self._copies.pack, slots, *bricks, r)
        for level in range(self._big):
            self._launch(self._passes.down, slots, slots, level)
        self._launch(self._rest, 1, 1, self._big, self._levels, self._inverse)
        for level in reversed(range(self._big)):
            self._launch(self._passes.up, slots, slots, level)
        self._launch(self._copies.unpack, slots, *bricks, r, z, rz)

    def _launch(self, kernel: wp.Kernel, blocks: int, *inputs: object) -> None:
        launch(kernel, blocks, [*inputs, self._table, self._numbers], self.system.device)


def levels(grid: Grid, surface: bool = False) -> tuple[np.ndarray, int]:
    """[levels, FIELDS] int32, ``table`` of the kernels, the finest level first; and how many ``numbers`` they need.

    Args:
        surface: there may be a free surface inside the grid.
    """
    missing = 3 - grid.dimension
    shape = np.array((1,) * missing + grid.shape)
    spacing = np.array((1.0,) * missing + grid.typical)
    periodic = [False] * missing + [grid.periodic(axis) for axis in range(grid.dimension)]
    is_open = surface or any(side == "open" for pair in grid.boundary for side in pair)
    table: list[tuple[int, ...]] = []
    start = 0
    while True:
        long = shape > 1
        coarsen = long & (spacing <= STRONG * spacing[long].min(initial=np.inf))
        if table and shape.prod() <= kernels.DIRECT_CELLS:
            coarsen[:] = False
        flags = sum(int(periodic[2 - a]) << a | int(coarsen[2 - a]) << 3 + a for a in range(3)) | is_open << 6
        table.append((*shape, flags, start))
        ghosts = [2 * (grid.dimension == 3), 2, 2 * kernels.GHOSTS]
        x, y, row = (int(n) for n in shape + ghosts)
        pitch = -(-row // kernels.ALIGN) * kernels.ALIGN
        start += x * y * pitch * kernels.arrays(grid.dimension, len(table) == 1) // kernels.ALIGN
        if not coarsen.any() and len(table) > 1:  # a single cell has two levels too: the finest is never solved exactly
            return np.array(table, dtype=np.int32), (start + 1) * kernels.ALIGN + kernels.OVERHANG
        shape, spacing = np.where(coarsen, (shape + 1) // 2, shape), np.where(coarsen, 2 * spacing, spacing)
