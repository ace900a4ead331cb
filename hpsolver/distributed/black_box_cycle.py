"""The V-cycle of black-box multigrid. Ranks share its finest level, three quarters of the work in 2D.

On the way down and up, a rank computes the tiles (``native/multigrid/passes.h``) that overlap its slab. What these hold
in planes of other ranks may be wrong, but nobody reads it. An iteration needs messages for the residual in the layers
of bricks next to the cut, and for the next level's right-hand side and first sweep, which go to all ranks. Every rank
computes the levels below and all coefficients as a whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import warp as wp

from hpsolver.kernels import multigrid as kernels
from hpsolver.preconditioners.black_box import levels
from hpsolver.system import System

from .planes import Part, Planes
from .slabs import Slabs
from .transport import Rows

FARTHEST = 3
"""Planes beyond its own whose residual a rank needs."""


class BlackBoxCycle:
    """Which part of each launch of ``hpsolver.kernels.multigrid`` is this rank's.

    Attributes:
        shared: the cycle can be shared: slabs are cut across the first axis, and their layers are thick enough.
    """

    def __init__(self, system: System, slabs: Slabs):
        self._planes, self._axis = Planes(system, slabs), 3 - system.grid.dimension
        self._table = levels(system.grid)[0]
        self._stride = 1 + (int(self._table[0, 3]) >> (5 - self._axis) & 1)
        second, M = self._table[1, :3].tolist(), system.preconditioner_type
        self._tile = kernels.tile_planes(system.grid.dimension, M, system.device.is_cuda, second)
        self.shared = self._planes.thick(FARTHEST)

    def owner(self) -> np.ndarray:
        """[planes] rank of each plane of the second level."""
        return self._planes.owner[:: self._stride]

    def part(self, name: str, given: dict[str, Any]) -> Part | None:
        """This rank's part of a launch of kernel ``name``; None: every rank does the whole launch."""
        if name == "pack":
            return Part(self._planes.slots(1), None, ("r",))
        if name == "unpack":
            return Part(self._planes.slots(0))
        if name not in ("down", "up") or given["level"] != 0:
            return None
        tiles = np.unique(np.arange(self._planes.begin, self._planes.end) // (self._stride * self._tile))
        count = -(-int(self._table[1, self._axis]) // self._tile)
        return Part(tiles, count, after=self._second_level(given["numbers"]) if name == "down" else ())

    def _second_level(self, numbers: wp.array) -> tuple[Rows, ...]:
        x, y, z, _, start = (int(n) for n in self._table[1])
        pitch = -(-(z + 2 * kernels.GHOSTS) // kernels.ALIGN) * kernels.ALIGN
        plane = pitch if self._axis == 1 else (y + 2) * pitch
        size = (y + 2) * pitch if self._axis == 1 else (x + 2) * plane
        planes = y if self._axis == 1 else x
        first = kernels.ALIGN * start + kernels.LEAD + plane
        begins = [first + role * size for role in kernels.first_sweep_and_rhs(3 - self._axis)]
        return tuple(Rows(numbers[b : b + planes * plane], "black box", 1, plane) for b in begins)
