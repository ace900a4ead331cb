"""The planes of a slab, for the cycles of multigrid, whose levels have rows and planes instead of bricks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpsolver.system import System

from .slabs import Slabs
from .transport import Rows


@dataclass(frozen=True)
class Part:
    """A rank's part of a launch.

    Attributes:
        items: numbers of its blocks, out of ``slots``.
        slots: what the kernel's argument of this name becomes; None: it stays as it is.
        reads: arguments that must be known on the leaves across the cut.
        after: rows that are gathered on all ranks afterwards.
    """

    items: np.ndarray
    slots: int | None = None
    reads: tuple[str, ...] = ()
    after: tuple[Rows, ...] = ()


class Planes:
    """Planes perpendicular to the grid's first axis; in 2D they are rows.

    Attributes:
        count: planes of the grid.
        owner: [count] rank of each one.
        begin, end: the range of our planes.
    """

    def __init__(self, system: System, slabs: Slabs):
        self._system, self._slabs = system, slabs
        self.axis = 3 - system.grid.dimension
        self.count = system.grid.shape[0]
        self.periodic = system.grid.periodic(0)
        layer = np.arange(self.count) // system.bricks.extent[self.axis]
        self.owner: np.ndarray = np.searchsorted(slabs.first_layer, layer, side="right") - 1
        self.begin, self.end = slabs.owned[0].start, slabs.owned[0].stop

    def thick(self, least: int) -> bool:
        """Whether slabs are cut along this axis, with at least ``least`` planes on either side of each cut."""
        thickness = self._system.bricks.extent[self.axis]
        last = self.count - (self._system.bricks.counts[self.axis] - 1) * thickness
        return self._slabs.axis == self.axis and thickness >= least and (not self.periodic or last >= least)

    def near(self, reach: int, end: int, planes: int) -> np.ndarray:
        """Our planes, up to ``end``, and ``reach`` beyond them on both sides, on a level of ``planes`` planes."""
        near = np.arange(self.begin - reach, end + reach)
        return np.unique(near % planes) if self.periodic else near[(near >= 0) & (near < planes)]

    def slots(self, layers: int) -> np.ndarray:
        """Slots of our layers of bricks, and of those next to the cuts if ``layers`` is 1."""
        leaves = self._slabs.leaves(self._slabs.rank)
        if layers:
            leaves = np.concatenate([leaves, *(border.their_leaves for border in self._slabs.borders.values())])
        return np.unique(leaves * self._system.slots // self._system.leaves)
