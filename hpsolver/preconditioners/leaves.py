"""The near field of the Schwarz preconditioners: exact solves on every leaf."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import warp as wp

from hpsolver.kernels import leaves as kernels
from hpsolver.kernels.building import launch
from hpsolver.system import System

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class CoarseArrays:
    """What a leaf sweep reads and writes of the coarse space (``hpsolver.kernels.coarse``)."""

    basis: wp.array
    face_basis: wp.array
    rhs: wp.array


class Groups:
    """Leaves, or bricks, by colour and in groups of W that never mix colours; those without fluid are in no group.

    Attributes:
        W: factored together.
        colors, groups: how many.
        members, places: [groups * W] numbers, -1 for none; [leaves] where each one stands, 0 if it is in no group.
        color, by_color: [leaves] the colour of each one; their numbers by colour.
        first_group, first: where each colour begins in groups and in ``by_color``.
    """

    def __init__(self, colors: tuple[np.ndarray, ...], device: wp.Device, fluid: np.ndarray | None = None):
        self.W = kernels.GROUP_CUDA if device.is_cuda else kernels.GROUP_CPU
        count = sum(len(leaves) for leaves in colors)
        color, places = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
        for number, leaves in enumerate(colors):
            color[leaves] = number
        if fluid is not None and fluid.any():
            colors = tuple(leaves[fluid[leaves]] for leaves in colors)
        padded = [np.pad(leaves, (0, -len(leaves) % self.W), constant_values=-1) for leaves in colors]
        members, by_color = np.concatenate(padded), np.concatenate(colors)
        sizes = [len(leaves) for leaves in colors]
        places[members[members >= 0]] = np.flatnonzero(members >= 0)
        self.colors = len(colors)
        self.groups = len(members) // self.W
        self.first_group = np.cumsum([0] + [len(p) // self.W for p in padded])
        self.first = np.cumsum([0, *sizes])
        self.members, self.places, self.color, self.by_color = (
            wp.array(a, dtype=wp.int32, device=device) for a in (members, places, color, by_color)
        )

    def of_color(self, color: int, dense: bool) -> tuple[wp.array, int, int]:
        """What a sweep works through (dense: one by one): the list, where the colour begins, how many blocks."""
        begins = self.first if dense else self.first_group
        return self.by_color if dense else self.members, int(begins[color]), int(begins[color + 1] - begins[color])


class Leaves:
    """All leaves' factors, in the form the device likes (``hpsolver.kernels.leaves``), and their solves.

    Attributes:
        by: the leaves in groups.
        changed: [leaves] int32, 1 for leaves whose rows of A are not last frame's; the others keep what they have.
        pinned: [N] uint8, ``System.pinned`` on the device.
        y: [N] the last sweep's result, Krylov type.
    """

    def __init__(self, system: System, colored: bool, mode: int, R: int, dense: bool | None):
        self.system = system
        self.dense = system.device.is_cuda if dense is None else dense
        bricks = system.bricks
        colors = bricks.colors if colored else (np.arange(bricks.leaves, dtype=np.int32),)
        self.by = Groups(colors, system.device, system.leaf_fluid)

        M, L, BW = system.preconditioner_type, bricks.leaf_size, bricks.halfwidth
        self._factor = system.zeros(self.by.groups * L * (BW + 1) * self.by.W, wp.float64)
        self._inverse = system.zeros(bricks.leaves * L * L if self.dense else 1, wp.float64)
        self._exact = self._inverse if self.dense else self._factor
        stored = M if self.dense else system.krylov_type
        self._operator = self._exact if stored is wp.float64 else system.zeros(self._exact.size, stored)
        rows = (bricks.directions + 1) * system.size
        self._seen = wp.full(rows, math.nan, dtype=wp.float64, device=system.device)
        self.changed = system.zeros(bricks.leaves, wp.int32)
        self.y = system.zeros(system.size, system.krylov_type)
        self.pinned = system.pinned_on_device
        self._setup = kernels.factorization(system.shape, BW, self.by.W)
        W = 1 if self.dense else self.by.W
        self._sweep = kernels.sweeping(system.shape, BW, W, system.krylov_type, M, R, mode, self.dense)

    @property
    def launches(self) -> int:
        """Sweeps of one symmetric solve: 0, 1, .., m - 1, .., 1, 0 over m colours."""
        return 2 * self.by.colors - 1

    def forget(self, leaves: torch.Tensor | None = None) -> None:
        """Lets the next ``find_changes`` take these leaves, or all, for changed. Not for a graph of Warp's; that of
        some leaves may be in one of Torch's."""
        if leaves is None:
            self._seen.fill_(math.nan)
        else:
            seen = wp.to_torch(self._seen).view(-1, self.system.leaves, self.system.bricks.leaf_size)
            seen.index_fill_(1, leaves, math.nan)  # an assignment would copy the number from the host, and wait

    def find_changes(self) -> None:
        """Records: ``changed``."""
        system = self.system
        inputs = [system.leaves, system.conductance, system.diagonal, self._seen, self.changed]
        launch(self._setup.find_changes, system.leaves, inputs, system.device)

    def closed_factor(self) -> wp.array:
        """Records: factors of the leaves with closed faces, for the classical basis. They last until ``update``."""
        self._factor_all(self._setup.factor_closed)
        return self._factor

    def update(self) -> None:
        """Records: factors of the changed leaves."""
        system = self.system
        self._factor_all(self._setup.factor)
        if self.dense:
            inputs = [self.changed, self.by.places, self._factor, self._inverse]
            launch(self._setup.invert, system.leaves, inputs, system.device)
        if self._operator is not self._exact:
            system.round(self._exact, self._operator)

    def _factor_all(self, kernel: wp.Kernel) -> None:
        system = self.system
        operator = [system.used, self.pinned, system.conductance, system.diagonal]
        inputs = [system.leaves, self.changed, self.by.members, *operator, self._factor]
        launch(kernel, self.by.groups, inputs, system.device)

    def solve(self, r: wp.array, coarse: CoarseArrays) -> None:
        """Records: y = B r, one sweep or a symmetric one over the colours, and the coarse right-hand side."""
        for color in range(self.by.colors):
            self._sweep_color(color, True, color == self.by.colors - 1, r, self.y, coarse)
        for color in reversed(range(self.by.colors - 1)):
            self._sweep_color(color, False, True, r, self.y, coarse)

    def ascend(self, r: wp.array, z: wp.array, coarse: CoarseArrays) -> None:
        """Records: z = S r, one sweep over the colours, and the coarse right-hand side (CYCLE)."""
        for color in range(self.by.colors):
            self._sweep_color(color, True, True, r, z, coarse)

    def descend(self, r: wp.array, z: wp.array, coarse: CoarseArrays, correction: wp.array) -> None:
        """Records: the sweep back, from z + Phi correction (CYCLE)."""
        for color in reversed(range(self.by.colors)):
            self._sweep_color(color, False, False, r, z, coarse, correction)

    def _sweep_color(
        self,
        color: int,
        first_visit: bool,
        last_visit: bool,
        r: wp.array,
        y: wp.array,
        coarse: CoarseArrays,
        correction: wp.array | None = None,
    ) -> None:
        system = self.system
        members, first, blocks = self.by.of_color(color, self.dense)
        if not blocks:
            return
        coupled = color > 0 or not first_visit
        flags = [first, int(coupled), int(first_visit), int(last_visit), int(self.by.colors == 1)]
        graph = [self.by.color, system.neighbor, system.side, system.used, system.conductance, system.diagonal]
        inputs = [system.leaves, *flags, members, *graph, self._operator, coarse.basis, coarse.face_basis]
        inputs += [r, y, coarse.rhs, coarse.rhs if correction is None else correction]
        launch(self._sweep, blocks, inputs, system.device)
