"""The null space of a singular problem, as a coarse space sees it."""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.native import launch
from hpsolver.system import System


class RegionConstants:
    """The constants of the fluid's pieces and regions, for a basis of R functions a leaf.

    Piece k of a leaf has the leaf's function k - 1 as its constant, so the constant of a region is e = Phi^T 1 with
    entries sqrt(cells of the piece) at the unknowns of its pieces. A leaf with more than R pieces lumps the last ones.

    Attributes:
        pieces: [N] uint8, ``System.pieces`` on the device.
        count: [leaves] int32, constants of each leaf, 1 to R.
        pins: [leaves * R] uint8, one unknown of each singular region: it fixes the coarse solution's level there.
    """

    def __init__(self, system: System, R: int):
        self._system = system
        L, device = system.bricks.leaf_size, system.device
        piece = np.minimum(system.pieces.astype(np.int64), R)
        count = np.maximum(piece.reshape(-1, L).max(axis=1), 1)
        unknown = np.arange(system.size) // L * R + piece - 1

        singular = np.flatnonzero(system.region_label >= 0)
        pairs = np.stack([system.region_label[singular], unknown[singular]])
        (region, unknowns), cells = np.unique(pairs, axis=1, return_counts=True)
        first = np.searchsorted(region, np.arange(system.regions.count + 1))
        pins = np.zeros(system.leaves * R, dtype=np.uint8)
        pins[unknowns[first[:-1]]] = 1

        self.pieces = wp.array(system.pieces, dtype=wp.uint8, device=device)
        self.count = wp.array(count, dtype=wp.int32, device=device)
        self.pins = wp.array(pins, dtype=wp.uint8, device=device)
        self._rows = system.leaves * R
        self._first = wp.array(first, dtype=wp.int32, device=device)
        self._unknowns = wp.array(unknowns, dtype=wp.int32, device=device)
        self._weight = wp.array(np.sqrt(cells), dtype=wp.float64, device=device)

    def project(self, matrix: wp.array, changed: wp.array) -> None:
        """Records: takes the regions' constants out of a dense fp64 matrix [rows, rows], from both sides."""
        system = self._system
        if system.regions.count == 0:
            return
        lists = [system.regions.count, self._first, self._unknowns, self._weight]
        inputs = [self._rows, system.leaves, changed, *lists, matrix]
        for kernel in (kernels.project_rows, kernels.project_columns):
            launch(kernel, -(-self._rows // kernels.COLUMNS), inputs, system.device)
