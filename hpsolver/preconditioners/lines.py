"""Relaxation of whole lines of cells, around the cycle of ``schwarz`` on stretched 2D grids.

Where a cell is flat, it is coupled to its neighbours along one axis far more strongly than to the others. A line of
such cells moves as one, and a leaf holds only a piece of it. Long leaves mend that where all cells are alike; on a
stretched grid the axis and the degree change from place to place. So the lines of cells through the whole grid are
relaxed before and after the leaves' cycle:

    x <- x + 0.8 T^-1 (r - A x),

where T is the part of A on the lines along one axis, a tridiagonal matrix for each line with A's diagonal. Before the
cycle this is done for one axis after the other, and after it in the opposite order, so M is symmetric. 2 T / 0.8 - A is
diagonally dominant, hence each relaxation contracts, and M is positive definite. Alternating lines are the classical
smoother for such grids (Brandt, Math. Comp. 31, 1977).
"""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.bricks import Bricks
from hpsolver.kernels import lines as kernels
from hpsolver.kernels.building import launch
from hpsolver.system import System


class Lines:
    """The relaxation before and after a cycle.

    Args:
        system: the assembled problem.
        axes: axes of the grid, two at most, along which lines are relaxed, in this order before the cycle.

    Attributes:
        left: [N] Krylov type, the residual that the relaxation before the cycle leaves.
        inner: [N] Krylov type, for the cycle's result.
    """

    def __init__(self, system: System, axes: tuple[int, ...]):
        self._system, self._axes = system, axes
        T, N = system.krylov_type, system.size
        self._kernels = [kernels.lines(system.shape, T, 1 - axis) for axis in axes]
        self._columns = [columns(system.bricks, axis) for axis in axes]
        self._on_device = [system.on_device(c) for c in self._columns]
        self._ratio, self._weight = ([system.zeros(N, wp.float64) for _ in axes] for _ in range(2))
        self._solved = system.zeros(N, wp.float64)
        self._x = [system.zeros(N, T) for _ in range(2)]  # each sweep reads one and writes the other
        self.left, self.inner = (system.zeros(N, T) for _ in range(2))
        self._remainder = kernels.remainder(system.shape, T)

    @property
    def launches(self) -> int:
        return 2 * len(self._axes) + 1

    def update(self) -> None:
        """Records: the lines' factors."""
        for k, kernel in enumerate(self._kernels):
            inputs = [*self._column(k), self._ratio[k], self._weight[k]]
            launch(kernel.factor, len(self._columns[k]), inputs, self._system.device)

    def before(self, r: wp.array) -> None:
        """Records: relaxation from zero, and ``left``."""
        system = self._system
        for k in range(len(self._axes)):
            self._sweep(k, r, self._x[1 - k % 2], self._x[k % 2], fresh=k == 0)
        inputs = [system.slots, system.leaves, system.neighbor, system.used, system.conductance, system.leak]
        relaxed = self._x[1 - len(self._axes) % 2]
        launch(self._remainder, system.slots, [*inputs, r, relaxed, self.left], system.device)

    def after(self, r: wp.array, z: wp.array) -> None:
        """Records: z = what was relaxed before plus ``inner``, relaxed again, along the last axis first."""
        for k in reversed(range(len(self._axes))):
            self._sweep(k, r, self._x[k % 2], self._x[1 - k % 2] if k else z, adds=k == len(self._axes) - 1)

    def _column(self, k: int) -> list[object]:
        system, of_axis = self._system, self._columns[k]
        return [system.leaves, of_axis.shape[1], self._on_device[k], system.used, system.conductance, system.leak]

    def _sweep(self, k: int, r: wp.array, x: wp.array, out: wp.array, fresh: bool = False, adds: bool = False) -> None:
        system = self._system
        factors, vectors = [self._ratio[k], self._weight[k]], [r, x, self.inner, self._solved, out]
        inputs = [int(fresh), int(adds), *self._column(k), system.neighbor, *factors, *vectors]
        launch(self._kernels[k].sweep, len(self._columns[k]), inputs, system.device)


def columns(bricks: Bricks, axis: int) -> np.ndarray:
    """[columns, length] int32: the leaves of a 2D grid that lie behind each other along ``axis``, in this order."""
    along, across = bricks.coordinates[:, 1 + axis], bricks.coordinates[:, 2 - axis]
    return np.lexsort((along, across)).reshape(-1, bricks.counts[1 + axis]).astype(np.int32)
