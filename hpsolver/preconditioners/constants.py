"""The null space of a singular problem, as a coarse space sees it."""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.native import launch
from hpsolver.system import System


class RegionConstants:
    """The constants of the fluid's pieces and regions, for a basis of R functions a leaf.

    Piece k of a leaf has the leaf's function k - 1 as its constant; a leaf with more than R pieces lumps the last ones.
    The coarse matrix is singular where a region is, and ``pins`` says at which unknown to fix the level.

    Attributes:
        pieces: [N] uint8, ``System.pieces`` on the device.
        count: [leaves] int32, constants of each leaf, 1 to R.
        pins: [regions] int32, an unknown of each singular region, chosen by ``choose_pins``.
    """

    def __init__(self, system: System, R: int):
        self._system = system
        L, device = system.bricks.leaf_size, system.device
        piece = np.minimum(system.pieces.astype(np.int64), R)
        count = np.maximum(piece.reshape(-1, L).max(axis=1), 1)
        unknown = np.arange(system.size) // L * R + piece - 1

        singular = np.flatnonzero(system.region_label >= 0)
        region, unknowns = np.unique([system.region_label[singular], unknown[singular]], axis=1)
        first = np.searchsorted(region, np.arange(system.regions.count + 1))

        self.pieces = wp.array(system.pieces, dtype=wp.uint8, device=device)
        self.count = wp.array(count, dtype=wp.int32, device=device)
        self.pins = system.zeros(max(system.regions.count, 1), wp.int32)
        self._first = wp.array(first, dtype=wp.int32, device=device)
        self._unknowns = wp.array(unknowns, dtype=wp.int32, device=device)

    def choose_pins(self, scale: wp.array) -> None:
        """Records: ``pins``, by the size ``scale`` [leaves * R] of the unknowns."""
        regions = self._system.regions.count
        if regions:
            inputs = [self._first, self._unknowns, scale, self.pins]
            launch(kernels.choose_pins, regions, inputs, self._system.device)
