"""The near field of the Schwarz preconditioners: exact solves on every leaf."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp

from hpsolver.kernels import leaves as kernels
from hpsolver.kernels.building import launch
from hpsolver.system import System


@dataclass(frozen=True)
class CoarseArrays:
    """What a leaf sweep reads and writes of the coarse space (``hpsolver.kernels.coarse``)."""

    basis: wp.array
    face_basis: wp.array
    rhs: wp.array


class Groups:
    """Leaves or bricks in groups of W, sorted by colour; no group mixes colours. Those without fluid are in no group.

    Attributes:
        W: leaves of a group, which are factored together; 1 in the dense form (``hpsolver.kernels.leaves``).
        colors, groups: how many there are.
        members, places: [groups * W] leaf at each place, -1 for none; [leaves] place of each leaf, 0 if in no group.
        color: [leaves] the colour of each leaf.
        first_group: [colors + 1] the first group of each colour, and the number of groups.
    """

    def __init__(self, colors: tuple[np.ndarray, ...], device: wp.Device, dense: bool, fluid: np.ndarray | None = None):
        self.W = 1 if dense else kernels.GROUP_CUDA if device.is_cuda else kernels.GROUP_CPU
        count = sum(len(leaves) for leaves in colors)
        color, places = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
        for number, leaves in enumerate(colors):
            color[leaves] = number
        if fluid is not None and fluid.any():
            colors = tuple(leaves[fluid[leaves]] for leaves in colors)
        padded = [np.pad(leaves, (0, -len(leaves) % self.W), constant_values=-1) for leaves in colors]
        members = np.concatenate(padded)
        places[members[members >= 0]] = np.flatnonzero(members >= 0)
        self.colors = len(colors)
        self.groups = len(members) // self.W
        self.first_group = np.cumsum([0] + [len(p) // self.W for p in padded])
        self.members, self.places, self.color = (
            wp.array(a, dtype=wp.int32, device=device) for a in (members, places, color)
        )

    def of_color(self, color: int) -> tuple[int, int]:
        """The groups of a colour, for a sweep over them: the first one, and how many there are."""
        begins = self.first_group
        return int(begins[color]), int(begins[color + 1] - begins[color])


def makes_lists(system: System, dense: bool) -> bool:
    """Whether changed leaves are listed (``Leaves.lists``)."""
    return not (dense or system.device.is_cuda or system.in_layers)


class Leaves:
    """The factors of all leaves, banded or dense as suits the device (``hpsolver.kernels.leaves``), and their solves.

    Attributes:
        by: the leaves in groups.
        changed: [leaves] int32, 1 for leaves whose rows of A differ from the last frame's; others keep their factors.
        lists: the CPU's kernels that make something of several leaves at once take them from a list of changed ones
            (``kernels.list_leaves``), so that a frame in which few changed is short. Ranks and the dense form do not.
        pinned: [N] uint8, ``System.pinned`` on the device.
        y: [N] the last sweep's result, Krylov type.
    """

    def __init__(self, system: System, colored: bool, mode: int, R: int, dense: bool | None):
        self.system = system
        self.dense = system.device.is_cuda if dense is None else dense
        self.lists = makes_lists(system, self.dense)
        bricks = system.bricks
        colors = bricks.colors if colored else (np.arange(bricks.leaves, dtype=np.int32),)
        self.by = Groups(colors, system.device, self.dense, system.leaf_fluid)

        M, L, BW, T = system.preconditioner_type, bricks.leaf_size, bricks.halfwidth, system.krylov_type
        in_memory = not (self.dense and kernels.fits(L, BW))
        # A cycle stays symmetric positive definite with rounded factors; deflation asks for exact solves.
        F = M if self.dense or mode == kernels.CYCLE else T
        numbers, made = self.by.groups * L * (BW + 1) * self.by.W if in_memory else 1, F if self.lists else wp.float64
        self._factor = system.zeros(numbers, made)
        self._scratch = self._factor if made is wp.float64 else system.zeros(1, wp.float64)  # that of ``functions``
        if self.dense:
            self._operator = system.zeros(bricks.leaves * kernels.dense_numbers(L, BW), M)
        else:
            self._operator = self._factor if F is made else system.zeros(numbers, F)
        self._seen = system.zeros(2 * bricks.leaves, wp.uint64)
        self.changed = system.zeros(bricks.leaves, wp.int32)
        self.y = system.zeros(system.size, system.krylov_type)
        self.pinned = system.pinned_on_device
        self._find_changes = kernels.changes(system.shape)
        if self.dense:
            self._root = kernels.roots(system.shape, BW, M)
        else:
            given = system.shape, BW, self.by.W
            self._factorize = kernels.listed_factorization(*given, F) if self.lists else kernels.factorization(*given)
            self._list = kernels.list_leaves(self.by.W)
        self._due = wp.empty_like(self.by.members) if self.lists else self.by.members
        self._sweep = kernels.sweeping(system.shape, BW, self.by.W, T, M, F, R, mode, self.dense)

    @property
    def launches(self) -> int:
        """Sweeps of one symmetric solve: 0, 1, .., m - 1, .., 1, 0 over m colours."""
        return 2 * self.by.colors - 1

    def forget(self) -> None:
        """Makes the next ``find_changes`` count all leaves as changed. Not inside a graph."""
        self._seen.zero_()

    def find_changes(self) -> None:
        """Records: ``changed``."""
        system = self.system
        inputs = [system.leaves, system.conductance, system.diagonal, self._seen, self.changed]
        launch(self._find_changes, system.leaves, inputs, system.device)
        if self.lists:
            self.list_changed(self._due, False, self.changed)

    def list_changed(self, listed: wp.array, reach: bool, marked: wp.array) -> None:
        """Records: changed leaves, with ``reach`` also those next to one, into a list; ``marked`` [leaves]: which."""
        system = self.system
        which = [int(reach), self.by.members, self.changed, system.neighbor]
        inputs = [system.leaves, system.bricks.directions, *which, marked, listed]
        launch(self._list, 1, inputs, system.device)

    def are_own(self, start: np.ndarray | wp.array, functions: int) -> bool:
        """Whether ``start`` has so many start functions for each leaf, as a network makes them, not for all leaves."""
        return bool(start.size > functions * self.system.bricks.leaf_size)

    def make_functions(self, kernel: wp.Kernel, functions: int, start: wp.array, basis: list[object]) -> None:
        """Records: ``kernel`` of ``kernels.coarse.functions``, of so many start functions, with its last arguments.
        Must run before ``update``, whose storage it may use."""
        system, own = self.system, int(self.are_own(start, functions))
        inputs = [*self._operator_arguments(self._due), own, start, self._scratch, *basis]
        launch(kernel, self.by.groups, inputs, system.device)

    def update(self) -> None:
        """Records: factors of the changed leaves."""
        system, by = self.system, self.by
        operator = self._operator_arguments(by.members)
        if self.dense:
            launch(self._root, by.groups, [*operator, self._factor, self._operator], system.device)
            return
        listed = [by.places, self._due] if self.lists else []
        launch(self._factorize, by.groups, [*operator, self._factor, *listed], system.device)
        if self._operator is not self._factor:
            system.round(self._factor, self._operator)

    def _operator_arguments(self, members: wp.array) -> list[object]:
        system = self.system
        return [system.leaves, self.changed, members, system.used, self.pinned, system.conductance, system.diagonal]

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
        first, blocks = self.by.of_color(color)
        if not blocks:
            return
        coupled = color > 0 or not first_visit
        flags = [first, int(coupled), int(first_visit), int(last_visit), int(self.by.colors == 1)]
        graph = [self.by.color, system.neighbor, system.side, system.used, system.conductance, system.diagonal]
        inputs = [system.leaves, *flags, self.by.members, *graph, self._operator, coarse.basis, coarse.face_basis]
        inputs += [r, y, coarse.rhs, coarse.rhs if correction is None else correction]
        launch(self._sweep, blocks, inputs, system.device)
