"""The V-cycle of geometric multigrid. Ranks share its finest level, which is seven eighths of the work.

On the finest level a rank computes the planes of its slab, and the few planes beyond that the steps of the cycle read.
So an iteration needs messages only for the residual in the layers of bricks next to the cut, and for the next level's
right-hand side, which goes to all ranks. From that level on every rank does the whole cycle. The levels' coefficients
are computed in the same way, once per frame.

Planes are perpendicular to the grid's first axis. How far each step reads is in ``hpsolver/kernels/native/geometric``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from hpsolver.kernels import geometric as kernels
from hpsolver.system import System

from .planes import Part, Planes
from .slabs import Slabs
from .transport import Rows

REACH = {
    kernels.FIRST_BLACK: 5,
    kernels.RED: 4,
    kernels.BLACK_BEFORE: 2,
    kernels.RESIDUAL: 1,
    kernels.PROLONG: 4,
    kernels.BLACK: 3,
    kernels.LAST_RED: 0,
}
"""Planes beyond its own for which a rank does each step: one more than for the farthest step that reads the result."""

COEFFICIENTS = 6
"""The same for the level's coefficients, which depend on faces up to ``FARTHEST`` planes away."""
FARTHEST = 8


class GeometricCycle:
    """Which part of each launch of ``hpsolver.kernels.geometric`` is this rank's.

    Attributes:
        shared: the cycle can be shared: slabs are cut across the first axis, and their layers are thick enough.
    """

    def __init__(self, system: System, slabs: Slabs):
        self._system, self._planes, self._last = system, Planes(system, slabs), slabs.rank == slabs.ranks - 1
        self._rank, self._ranks = slabs.rank, slabs.ranks
        self.shared = system.grid.dimension == 3 and self._planes.thick(FARTHEST)

    def owner(self) -> np.ndarray:
        """[planes + 1] rank of each plane of the second level. Faces have one plane more, and a periodic axis of odd
        length has an extra plane at its seam (``native/geometric/levels.h``)."""
        owner = self._planes.owner[::2]
        extra = self._planes.periodic and len(owner) % 2 == 1 and len(owner) > 1
        return np.append(owner, [self._ranks - 1] * (1 + extra))

    def part(self, name: str, given: dict[str, Any]) -> Part | None:
        """This rank's part of a launch of kernel ``name``; None: every rank does the whole launch."""
        table = given["table"].numpy().reshape(-1, kernels.FIELDS)
        planes, beside = int(table[0, 0]), self._planes.slots(1)
        end = planes if self._last else self._planes.end  # a seam's extra plane is the last rank's
        if name == "faces":
            return Part(beside, None, ("density", "fluid", "conductance", "leak"))
        if name == "pack":
            return Part(beside, None, ("r",))
        if name == "unpack":
            return Part(self._planes.slots(0))
        if name == "split" and given["first"] == 0:
            near = self._planes.near(COEFFICIENTS, end, planes)
            lines = near + 1  # ghost planes have lines too, and hold faces of the planes beside them
            exact = np.unique(np.clip(np.concatenate([lines - 1, lines, lines + 1]), 0, planes + 1))
            return Part(np.union1d(exact, _covering(near, planes, planes + 2)), planes + 2)
        if name == "coarsen" and given["level"] == 1:
            coarse = (self._planes.count + 1) // 2
            mine = np.flatnonzero(self.owner()[: coarse + 1] == self._rank)
            items = np.union1d(mine, _covering(mine[mine < coarse], coarse, coarse + 1))
            return Part(items, coarse + 1, after=self._faces(table[1], given))
        if name == "step" and given["level"] == 0:
            return Part(self._planes.near(REACH[given["step"]], end, planes), planes)
        if name == "step" and given["level"] == 1 and given["step"] == kernels.RESTRICT:
            coarse = int(table[1, 0])
            return Part(np.flatnonzero(self.owner()[:coarse] == self._rank), coarse, after=self._rhs(table[1], given))
        return None

    def _rhs(self, level: np.ndarray, given: dict[str, Any]) -> tuple[Rows, ...]:
        return tuple(self._rows(level, given, kernels.RHS + color, plain=False) for color in range(2))

    def _faces(self, level: np.ndarray, given: dict[str, Any]) -> tuple[Rows, ...]:
        numbers, total = given["numbers"], int(given["total"])
        roles = [kernels.FACES + 2 * axis for axis in range(3)]
        if numbers.size > kernels.roles(False) * total + kernels.OVERHANG:
            roles.append(kernels.LEAK)
        return tuple(self._rows(level, given, role, plain=True) for role in roles)

    def _rows(self, level: np.ndarray, given: dict[str, Any], role: int, plain: bool) -> Rows:
        """An array of the second level, by planes; a plain one has two numbers where others have one (``levels.h``)."""
        x, y, z, _, start = (int(n) for n in level)
        wide = 2 if plain else 1
        plane = wide * (y + 2) * ((z + 1) // 2 + 2)
        begin = role * int(given["total"]) + wide * start + plane  # behind a ghost plane
        return Rows(given["numbers"][begin : begin + (x + 1) * plane], "geometric", 1, plane)


def _covering(planes: Iterable[int], count: int, slots: int) -> np.ndarray:
    """Those of ``slots`` slots, which share the lines of ``count`` planes evenly, that have a line of these planes."""
    wanted = np.zeros(count, dtype=bool)
    wanted[list(planes)] = True
    begin = np.arange(slots) * count // slots
    end = -(-(np.arange(slots) + 1) * count // slots)
    return np.array([s for s in range(slots) if wanted[begin[s] : end[s]].any()], dtype=np.int64)
