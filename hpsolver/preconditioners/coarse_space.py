"""The coarse space of the grid's leaves: a few functions on each, their Galerkin matrix, and its inverse.

Phi [leaves, R, L] holds R orthonormal functions of each leaf, and E = Phi^T A Phi is their Galerkin matrix. They are
made from *start functions*: Haar functions of the leaf's sub-bricks, or what a network predicts. Where there is a
choice, the last ones give way to functions on the leaf's *loose* cells, which only other leaves hold fast
(``kernels/native/leaves/loose.h``). Start functions go through one inverse step (A_ii^N + 1e-3 D_i)^-1 D_i, where
A_ii^N is the leaf's matrix with closed faces and D_i is A's diagonal; the constants of the leaf's pieces of fluid are
put first, and all are orthonormalised. This gives C candidates. If C > R, the leaf keeps the R that it needs most
(``selection``).
"""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.bricks import weakness
from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.building import launch
from hpsolver.kernels.constants import leaf_constants
from hpsolver.system import System

from .coarse_matrix import CoarseMatrix, ExactCoarse
from .constants import Constants
from .leaves import CoarseArrays, Leaves
from .nested import FUNCTIONS, NestedCoarse
from .selection import Selection

FEW = 8
"""Candidates of a leaf that are too few to spare some for loose cells, in 3D or if a network made them."""


class CoarseSpace:
    """Phi, E and E^-1, renewed where leaves changed.

    Args:
        system: the assembled system.
        leaves: its leaves; their factors with closed faces make the functions.
        R: functions of a leaf.
        C: candidates of a leaf, R or more.
        start: fp32 start functions, [(C - 1) * L] shared by all leaves, or [leaves * (C - 1) * L].
        pushed: leaf sweeps push the residual to the neighbours (``kernels/native/leaves/sweep.h``); otherwise the
            residual is restricted as it is.
        local: also invert the leaves' own blocks of E, for the additive form.
        nested: E is solved by a cycle (``nested``) of ``levels`` levels (None: as many as pay); otherwise exactly.
        dense: solve with dense inverses instead of banded factors.
        brick_functions: functions of a brick of leaves, where E is nested.

    Attributes:
        start: the start functions on the device; a prediction overwrites them.
        functions: [leaves, R, L] Phi, preconditioner type.
        selection: the choice of the functions, None if C = R.
        sweep: what leaf sweeps read and write of the coarse space.
        nested: E is solved by the cycle of ``nested``, not exactly.
    """

    def __init__(
        self,
        system: System,
        leaves: Leaves,
        R: int,
        C: int,
        start: np.ndarray,
        *,
        pushed: bool,
        local: bool,
        nested: bool,
        levels: int | None,
        dense: bool,
        brick_functions: int = FUNCTIONS,
    ):
        bricks, M = system.bricks, system.preconditioner_type
        self._system, self._leaves, self._pushed, self.R, self.C = system, leaves, pushed, R, C
        self.nested = nested
        pieces, constants = Constants.of_leaves(system, R)
        if system.moving:
            constants = constants.without_regions()
        count = np.maximum(np.bincount(constants.unknown // R, minlength=system.leaves), 1)
        self._constant_count = wp.array(count, dtype=wp.int32, device=system.device)
        self._pieces = wp.array(pieces, dtype=wp.uint8, device=system.device)
        self.start = wp.array(start, dtype=wp.float32, device=system.device)
        self.functions = system.zeros(system.leaves * R * bricks.leaf_size, M)
        self.selection = Selection(system, leaves, C, R, self._constant_count) if C > R else None

        renewed = leaves.changed if self.selection is None else self.selection.renewed
        graph = (system.neighbor, system.side, renewed)
        self._matrix = CoarseMatrix.allocate(system, bricks, R, graph, constants, mass=self.nested)
        self._local_inverse = system.zeros(self._matrix.unknowns * R if local else 1, wp.float64)
        self._local = self._local_inverse if local else None
        faces = system.leaves * bricks.directions * bricks.face_size * R
        pushes = system.leaves * (bricks.directions + 1 if pushed else 1) * R
        self.sweep = CoarseArrays(self.functions, system.zeros(faces, M), system.zeros(pushes, wp.float64))
        self._restricted = system.zeros(self._matrix.unknowns, wp.float64)
        self._inverse: NestedCoarse | ExactCoarse
        if self.nested:
            cells = [n * weak for n, weak in zip(bricks.extent, weakness(system.grid), strict=True)]
            self._inverse = NestedCoarse(system, self._matrix, cells, dense, levels, brick_functions)
        else:
            self._inverse = ExactCoarse(system, self._matrix, dense)

        loose = loose_functions(system.grid.dimension, R, C, leaves.are_own(start, C - 1))
        self._functions = kernels.functions(system.shape, bricks.halfwidth, leaves.by.W, M, C, loose)
        self._galerkin = kernels.galerkin(system.shape, M, R, local, self.nested, True)
        self._constants = leaf_constants(system.shape, R) if system.moving else None
        self._transfer = kernels.transfer(system.shape, system.krylov_type, M, R)

    @property
    def launches(self) -> int:
        """Kernels that one solution launches."""
        return self._inverse.launches

    @property
    def correction(self) -> wp.array:
        """[leaves * R] fp64, the last solution."""
        return self._inverse.result

    def update(self) -> None:
        """Records: Phi, E and its inverse; after ``Leaves.find_changes`` and before ``Leaves.update``."""
        system, matrix = self._system, self._matrix
        self._update_functions()
        inputs = [system.leaves, matrix.changed, system.neighbor, system.side, system.used]
        inputs += [system.conductance, system.diagonal, self._leaves.pinned, self.functions]
        inputs += [matrix.blocks, matrix.mass, matrix.scale, self._local_inverse, self.sweep.face_basis]
        launch(self._galerkin, system.leaves, inputs, system.device)
        self._inverse.update()

    def _update_functions(self) -> None:
        system = self._system
        if self._constants is not None and system.moving is not None:
            found = [system.moving.pieces, system.moving.piece_count, self._pieces, self._constant_count]
            launch(self._constants, system.leaves, [*found, self._matrix.cells], system.device)
        target = self.functions if self.selection is None else self.selection.candidates
        ends = [self._pieces, self._constant_count, target]
        self._leaves.make_functions(self._functions, self.C - 1, self.start, ends)
        if self.selection is not None:
            self.selection.update(self.functions)

    def solve_swept(self) -> None:
        """Records: ``correction`` = E^-1 of what leaf sweeps left in ``sweep.rhs``."""
        if isinstance(self._inverse, NestedCoarse):
            self._inverse.solve(self.sweep.rhs)
        else:
            self._inverse.solve(self.sweep.rhs, pushed=self._pushed, local_inverse=self._local)

    def solve_restricted(self, r: wp.array) -> None:
        """Records: ``correction`` = E^-1 Phi^T r. Not for a nested E."""
        system = self._system
        launch(self._transfer.restrict, system.leaves, [self.functions, r, self._restricted], system.device)
        self._inverse.solve(self._restricted)

    def prolong(self, y: wp.array, r: wp.array, z: wp.array, rz: wp.array) -> None:
        """Records: z = y + Phi correction, and the partial sums of r.z."""
        system = self._system
        inputs = [system.slots, system.leaves, self.functions, y, self.correction, r, z, rz]
        launch(self._transfer.prolong, system.slots, inputs, system.device)

    def prolong_add(self, x: wp.array) -> None:
        """Records: x += Phi correction, fp64."""
        inputs = [self.functions, self.correction, x]
        launch(self._transfer.prolong_add, self._system.leaves, inputs, self._system.device)


def loose_functions(dimension: int, R: int, C: int, learned: bool) -> int:
    """How many of C candidates, R of which a leaf keeps, may be functions on loose cells."""
    few = C <= FEW and (dimension == 3 or learned)
    return C // 2 if C > R and not few else 0
