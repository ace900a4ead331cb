"""The hierarchical transformer preconditioner with a learned coarse space. It is symmetric positive definite whatever
the network predicts, and one set of weights serves every size of grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import warp as wp

from hpsolver.grid import Grid

from .basis_weights import BasisWeights
from .options import check_at_least, check_one_of
from .prediction import Prediction, Refresh
from .schwarz import Schwarz

if TYPE_CHECKING:
    from hpsolver.network.basis import BasisNetwork

SIZES = (2, 4, 8)


class HTP(Schwarz):
    """``Schwarz`` whose start functions a network predicts from the frame's operator, by kernels inside the frame.

    Everything else is as in ``Schwarz``: one inverse step on the leaf with closed faces, the constant of every piece of
    fluid first, orthonormalisation, the choice of the best (``selection``), the Galerkin matrix. A bad prediction can
    make the basis worse than the classical one of Haar functions, but M stays symmetric positive definite and keeps the
    constants. A leaf with a number that is not finite, or larger than ``LARGEST``, takes the classical functions.

    Args:
        coarse_size: functions a leaf, 2, 4 or 8.
        candidates: functions a leaf from which ``coarse_size`` are chosen, all predicted but the constant: 8 or 16, at
            most one more than the weights have; ``coarse_size`` itself means no choice. None is 8 for a ``coarse_size``
            of up to 4, and 16 for 8.
        weights: a file written by ``hpsolver train``; None takes the shipped one for the grid's dimension.
        refresh: frames from one prediction to the next; in between the functions start from the last prediction, which
            the inverse step fits to the new density. ``auto`` predicts anew when the iterations have risen by a quarter
            since the last prediction, and after ``LONGEST`` frames at the latest; on a CPU it predicts ``PORTION``
            leaves a frame, so that no frame waits for all. Only leaves that changed are predicted; the device finds
            out which.
        sweep, levels, dense: as in ``Schwarz``; leaves have 128 cells.

    Raises:
        TypeError, ValueError: as ``Schwarz``; when bound, also if the weight file is not what it should be.
    """

    name = "htp"

    LARGEST = 1e4
    LONGEST = 400
    PORTION = 8

    def __init__(
        self,
        coarse_size: int = 8,
        *,
        candidates: int | None = None,
        weights: str | Path | None = None,
        refresh: int | str = 1,
        sweep: str = "redblack",
        levels: int | None = None,
        dense: bool | None = None,
    ):
        check_one_of("coarse_size", coarse_size, SIZES)
        if refresh != "auto":
            check_at_least("refresh", refresh, 1, or_else="'auto'")
        if candidates is None:
            candidates = max(8, 2 * coarse_size)
        super().__init__(coarse_size, candidates=candidates, sweep=sweep, levels=levels, dense=dense)
        self.refresh = refresh if isinstance(refresh, str) else int(refresh)
        self._path = weights
        self._weights: BasisWeights | None = None

    @classmethod
    def of_network(cls, network: BasisNetwork, **options: Any) -> HTP:
        """A preconditioner with a network in memory, rounded to half precision as in a file; for training."""
        made = cls(**options)
        made._weights = BasisWeights.of_network(network)
        return made

    def shapes_leaves(self, grid: Grid) -> bool:
        return False

    def leaf_cells(self, grid: Grid) -> int:
        return 128

    def start_functions(self, candidates: int) -> np.ndarray:
        """[leaves * (C - 1) * L]: the classical ones for every leaf, until the first prediction."""
        return np.tile(super().start_functions(candidates), self.system.leaves)

    def allocate(self) -> None:
        super().allocate()
        system, space = self.system, self._space
        dimension = system.grid.dimension
        weights = self._weights
        if weights is None:
            weights = BasisWeights.load(self._path) if self._path else BasisWeights.shipped(dimension)
        if weights.dimension != dimension or weights.leaf_size != system.bricks.leaf_size:
            raise ValueError(
                f"weights for {weights.dimension}D grids and leaves of {weights.leaf_size} cells, this is a "
                f"{dimension}D grid with leaves of {system.bricks.leaf_size}"
            )
        if weights.functions < space.C - 1:
            raise ValueError(
                f"{self.candidates} candidates need {space.C - 1} functions besides the constant, the weights have "
                f"{weights.functions}"
            )
        longest = self.refresh if isinstance(self.refresh, int) else self.LONGEST
        portion = system.leaves if system.device.is_cuda else self.PORTION
        refresh = Refresh(longest, self.refresh == "auto", portion)
        changed, start = self._leaves.changed, space.start
        self.prediction = Prediction(system, changed, weights, start, space.C - 1, refresh, self.LARGEST)

    def watch(self, counter: wp.array) -> None:
        self.prediction.counter = counter

    def renew_start_functions(self) -> None:
        self.prediction.update()
