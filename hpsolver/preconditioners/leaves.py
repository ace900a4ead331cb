"""The near field of the Schwarz preconditioners: exact solves on every leaf."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import warp as wp

from hpsolver.bricks import INTERIOR
from hpsolver.kernels import leaves as kernels
from hpsolver.kernels.native import launch
from hpsolver.system import System


@dataclass(frozen=True)
class CoarseArrays:
    """What a leaf sweep reads and writes of the coarse space (``hpsolver.kernels.coarse``)."""

    basis: wp.array
    face_basis: wp.array
    rhs: wp.array


class Leaves:
    """All leaves' factors, in the form the device likes (``hpsolver.kernels.leaves``), and their solves.

    Attributes:
        W: leaves factored together.
        members, places: [groups * W] leaf numbers, -1 for none; [leaves] where each leaf stands.
        changed: [leaves] int32, 1 for leaves whose rows of A are not last frame's; the others keep what they have.
        pinned: [N] uint8, one cell of each singular region that lies inside one leaf, whose matrix it makes singular.
        y: [N] the last sweep's result, Krylov type.
    """

    def __init__(self, system: System, colored: bool, mode: int, R: int, dense: bool | None):
        self.system = system
        self.dense = system.device.is_cuda if dense is None else dense
        self.W = kernels.GROUP_CUDA if system.device.is_cuda else kernels.GROUP_CPU
        bricks = system.bricks
        colors = bricks.colors if colored else (np.arange(bricks.leaves, dtype=np.int32),)
        self._members, self._first_group = _groups(colors, self.W)
        places = np.empty(bricks.leaves, dtype=np.int32)
        occupied = self._members >= 0
        places[self._members[occupied]] = np.flatnonzero(occupied)
        color = np.empty(bricks.leaves, dtype=np.int32)
        for c, leaves in enumerate(colors):
            color[leaves] = c
        self._first_leaf = np.cumsum([0] + [len(leaves) for leaves in colors])
        self.colors = len(colors)

        device = system.device
        self.groups = len(self._members) // self.W
        self.members = wp.array(self._members, dtype=wp.int32, device=device)
        self.places = wp.array(places, dtype=wp.int32, device=device)
        self._color = wp.array(color, dtype=wp.int32, device=device)
        self._by_color = wp.array(np.concatenate(colors), dtype=wp.int32, device=device)

        M, L, BW = system.preconditioner_type, bricks.leaf_size, bricks.halfwidth
        self._factor = system.zeros(self.groups * L * (BW + 1) * self.W, wp.float64)
        self._inverse = system.zeros(bricks.leaves * L * L if self.dense else 1, wp.float64)
        self._exact = self._inverse if self.dense else self._factor
        stored = M if self.dense else system.krylov_type
        self._operator = self._exact if stored is wp.float64 else system.zeros(self._exact.size, stored)
        rows = (bricks.directions + 1) * system.size
        self._seen = wp.full(rows, math.nan, dtype=wp.float64, device=device)
        self.changed = system.zeros(bricks.leaves, wp.int32)
        self.y = system.zeros(system.size, system.krylov_type)
        self.pinned = wp.array(pinned_cells(system), dtype=wp.uint8, device=device)
        self._setup = kernels.factorization(system.shape, BW, self.W)
        W = 1 if self.dense else self.W
        self._sweep = kernels.sweeping(system.shape, BW, W, system.krylov_type, M, R, mode, self.dense)

    @property
    def launches(self) -> int:
        """Sweeps of one symmetric solve: 0, 1, .., m - 1, .., 1, 0 over m colours."""
        return 2 * self.colors - 1

    def update(self) -> None:
        """Records: factors of the assembled matrix."""
        system = self.system
        inputs = [system.leaves, system.conductance, system.diagonal, self._seen, self.changed]
        launch(self._setup.find_changes, system.leaves, inputs, system.device)
        self.factor(self._setup.factor, self._factor)
        if self.dense:
            inputs = [self.changed, self.places, self._factor, self._inverse]
            launch(self._setup.invert, system.leaves, inputs, system.device)
        if self._operator is not self._exact:
            system.round(self._exact, self._operator)

    def closed_factor(self, target: wp.array) -> None:
        """Records: factors of the leaves with closed faces, for the classical basis."""
        self.factor(self._setup.factor_closed, target)

    def factor(self, kernel: wp.Kernel, target: wp.array) -> None:
        system = self.system
        operator = [system.used, self.pinned, system.conductance, system.diagonal]
        inputs = [system.leaves, self.changed, self.members, *operator, target]
        launch(kernel, self.groups, inputs, system.device)

    def factor_size(self) -> int:
        return self._factor.size

    def solve(self, r: wp.array, coarse: CoarseArrays) -> None:
        """Records: y = B r, one sweep or a symmetric one over the colours, and the coarse right-hand side."""
        for color in range(self.colors):
            self._sweep_color(color, True, r, coarse)
        for color in reversed(range(self.colors - 1)):
            self._sweep_color(color, False, r, coarse)

    def _sweep_color(self, color: int, first_visit: bool, r: wp.array, coarse: CoarseArrays) -> None:
        system = self.system
        begins = self._first_leaf if self.dense else self._first_group
        coupled = color > 0 or not first_visit
        last_visit = not first_visit or color == self.colors - 1
        flags = [int(begins[color]), int(coupled), int(first_visit), int(last_visit), int(self.colors == 1)]
        graph = [self._color, system.neighbor, system.side, system.used, system.conductance, system.diagonal]
        members = self._by_color if self.dense else self.members
        inputs = [system.leaves, *flags, members, *graph, self._operator, coarse.basis, coarse.face_basis]
        inputs += [r, self.y, coarse.rhs]
        launch(self._sweep, int(begins[color + 1] - begins[color]), inputs, system.device)


def pinned_cells(system: System) -> np.ndarray:
    """[N] uint8: the first cell of each region that makes its leaf's matrix singular.

    Such a region has no open side, lies inside a single leaf, and is not linked to itself across a periodic axis: that
    link's conductance is on the leaf's diagonal, but its coupling is none of the leaf's own.
    """
    pinned = np.zeros(system.size, dtype=np.uint8)
    cells = np.flatnonzero(system.region_label >= 0)
    label, leaf = system.region_label[cells], cells // system.bricks.leaf_size
    names, first = np.unique(label, return_index=True)
    lowest = np.full(len(names), system.leaves)
    highest = np.zeros(len(names), dtype=int)
    np.minimum.at(lowest, label, leaf)
    np.maximum.at(highest, label, leaf)
    pinned[cells[first[(lowest == highest) & ~_wrapped(system, len(names))]]] = 1
    return pinned


def _wrapped(system: System, regions: int) -> np.ndarray:
    """[regions] bool: the region has a face that joins two cells of one leaf from outside."""
    bricks, label = system.bricks, system.region_label
    number, leaf = np.arange(system.size), np.arange(system.size) // bricks.leaf_size
    strides = np.array([1, bricks.extent[2], bricks.extent[1] * bricks.extent[2]])
    wrapped = np.zeros(regions, dtype=bool)
    for direction, across in enumerate(system.across()):
        inside = number + (strides[direction // 2] if direction % 2 else -strides[direction // 2])
        own = (bricks.neighbor[leaf, direction] == leaf) & (bricks.side[leaf, direction] == INTERIOR)
        linked = own & (across != inside) & (label >= 0) & (label[across] == label)
        wrapped[label[linked]] = True
    return wrapped


def _groups(colors: tuple[np.ndarray, ...], W: int) -> tuple[np.ndarray, np.ndarray]:
    """Leaves in groups of W that never mix colours, -1 filling the last of each; the first group of each colour."""
    padded = [np.pad(leaves, (0, -len(leaves) % W), constant_values=-1) for leaves in colors]
    return np.concatenate(padded).astype(np.int32), np.cumsum([0] + [len(p) // W for p in padded])
