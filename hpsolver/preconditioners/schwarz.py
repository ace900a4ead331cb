"""Two-level Schwarz: exact leaves and a coarse space of a few functions per leaf (the *skeleton*).

With B = blkdiag(A_ii^-1), or a symmetric sweep over coloured leaves, and Q = Phi (Phi^T A Phi)^-1 Phi^T:

- additive:  M = B + Q - Phi blkdiag((Phi_i^T A_ii Phi_i)^-1) Phi^T. What leaf and coarse space would both correct is
  taken out once; M is symmetric positive definite, since B minus its Phi part is A_ii^-1 seen through an A-orthogonal
  projector.
- deflated:  M = B + Q (I - A B), the A-DEF2 of Tang, Nabben, Vuik and Erlangga (2009), which equals a symmetric
  positive definite preconditioner once the start vector has Phi^T r = 0.

Phi_i, the classical basis: the leaf is split into sub-bricks, their Haar functions go through one inverse step
(A_ii^N + 1e-3 D_i)^-1 D_i of the leaf with closed faces, the constant comes first, and all is orthonormalised.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.leaves import NO_COARSE, PUSH, RESTRICT
from hpsolver.kernels.native import launch

from .base import Preconditioner
from .constants import RegionConstants
from .leaves import CoarseArrays, Leaves

COARSE_SIZES = (1, 2, 4, 8, 16, 32)
SWEEPS = ("additive", "redblack")
BASES = ("classical", "optimal")


class BlockJacobi(Preconditioner):
    """M = blkdiag(A_ii^-1), exact leaves and nothing else. Does not scale; kept as the near field alone.

    Args:
        leaf_size: cells of a leaf, 64 or 128.
    """

    name = "block_jacobi"
    fallback = None
    launches = 2

    def __init__(self, leaf_size: int = 128, *, dense: bool | None = None):
        self.leaf_size = leaf_size
        self._dense = dense

    def allocate(self) -> None:
        system = self.system
        M = system.preconditioner_type
        self._leaves = Leaves(system, False, NO_COARSE, 1, self._dense)
        nothing = system.zeros(system.leaves, M)
        self._nothing = system.zeros(system.leaves, wp.float64)
        self._coarse = CoarseArrays(system.zeros(system.size, M), nothing, self._nothing)
        self._kernels = kernels.coarse_solution(system.shape, system.krylov_type, M, 1, False, False)

    def update(self) -> None:
        self._leaves.update()

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system = self.system
        self._leaves.solve(r, self._coarse)
        inputs = [system.slots, system.leaves, self._coarse.basis, self._leaves.y, self._nothing, r, z, rz]
        launch(self._kernels.prolong, system.slots, inputs, system.device)


class Schwarz(Preconditioner):
    """The skeleton.

    Args:
        coarse_size: functions a leaf, a power of two from 1 to 32.
        deflated: A-DEF2 instead of the additive form.
        sweep: ``additive`` (all leaves at once) or ``redblack`` (a symmetric sweep; needs ``deflated``).
        leaf_size: cells of a leaf, 64 or 128.
        basis: ``classical``, or ``optimal``: the best of 16 functions a leaf, found by inverting their coarse matrix in
            Torch (``hpsolver.network.oracle``). Slow: a target for tests and networks.
        dense: apply leaves and coarse space as dense inverses (None: on a GPU) instead of banded factors (on a CPU).

    Raises:
        ValueError: an option is outside its range.
    """

    name = "schwarz"
    fallback = "jacobi"

    def __init__(
        self,
        coarse_size: int = 8,
        *,
        deflated: bool = True,
        sweep: str = "redblack",
        leaf_size: int = 128,
        basis: str = "classical",
        dense: bool | None = None,
    ):
        if coarse_size not in COARSE_SIZES:
            raise ValueError(f"coarse_size must be one of {COARSE_SIZES}, got {coarse_size!r}")
        if sweep not in SWEEPS:
            raise ValueError(f"unknown sweep {sweep!r}; allowed: {', '.join(SWEEPS)}")
        if sweep == "redblack" and not deflated:
            raise ValueError("sweep='redblack' needs deflated=True")
        if basis not in BASES:
            raise ValueError(f"unknown basis {basis!r}; allowed: {', '.join(BASES)}")
        if basis == "optimal" and (leaf_size != 128 or coarse_size > 8):
            raise ValueError("basis='optimal' needs leaves of 128 cells and at most 8 functions")
        self.coarse_size = coarse_size
        self.deflated = bool(deflated)
        self.sweep = sweep
        self.leaf_size = leaf_size
        self.starts = self.deflated
        self.basis = basis
        self.graph_safe = basis == "classical"
        self._dense = dense

    def allocate(self) -> None:
        system, R, bricks = self.system, self.coarse_size, self.system.bricks
        M, L = system.preconditioner_type, bricks.leaf_size
        self._leaves = Leaves(system, self.sweep == "redblack", PUSH if self.deflated else RESTRICT, R, self._dense)
        self.dense = self._leaves.dense
        self._rows = system.leaves * R
        self._width = (bricks.leaf_reach + 1) * R
        if self.dense and self._rows > kernels.DENSE_LIMIT:
            raise ValueError(
                f"schwarz with {R} functions a leaf needs a dense coarse matrix of {self._rows} rows here, allowed: "
                f"{kernels.DENSE_LIMIT}; use fewer (coarse_size), larger leaves, or another preconditioner"
            )
        self._constants = RegionConstants(system, R)
        W, groups = self._leaves.W, self._leaves.groups
        functions = max(R - 1, 1)
        self._closed = system.zeros(self._leaves.factor_size(), wp.float64)
        self._raw = system.zeros(groups * functions * L * W, wp.float64)
        self._basis = system.zeros(system.leaves * R * L, M)
        self._start_functions = wp.array(self.start_functions(), dtype=wp.float32, device=system.device)
        self._band = system.zeros(self._rows * self._width, wp.float64)
        self._scale = system.zeros(self._rows, wp.float64)
        self._band_factor = system.zeros(self._band.size, wp.float64)
        self._column = system.zeros(self._width, wp.float64)
        self._local_inverse = system.zeros(self._rows * R, wp.float64)
        pushes = system.leaves * (bricks.directions + 1 if self.deflated else 1) * R
        faces = system.leaves * bricks.directions * bricks.face_size * R
        self._arrays = CoarseArrays(self._basis, system.zeros(faces, M), system.zeros(pushes, wp.float64))
        self._coarse = system.zeros(self._rows, wp.float64)
        self._start_rhs = system.zeros(self._rows, wp.float64)
        self._inverse = system.zeros(self._rows**2 if self.dense else 1, wp.float64)

        local = not self.deflated
        T = system.krylov_type
        self._setup = kernels.coarsening(system.shape, bricks.halfwidth, W, M, R, local)
        self._correction = kernels.coarse_solution(system.shape, T, M, R, self.deflated, local)
        self._start = kernels.coarse_solution(system.shape, T, M, R, False, False)

    def start_functions(self) -> np.ndarray:
        """[(R - 1) * L] for all leaves alike, or [leaves * (R - 1) * L]: what the inverse step is applied to."""
        functions = haar(self.system.bricks.extent, max(self.coarse_size - 1, 1))
        return functions.ravel() if self.graph_safe else np.tile(functions, (self.system.leaves, 1, 1)).ravel()

    def predict(self) -> None:
        if self.basis == "optimal":
            from hpsolver.network.oracle import optimal_functions

            self._start_functions.assign(optimal_functions(self.system, self.coarse_size - 1))

    @property
    def launches(self) -> int:
        return self._leaves.launches + 2

    def update(self) -> None:
        system = self.system
        self._leaves.update()
        self._update_basis()

        changed = self._leaves.changed
        inputs = [system.leaves, self._width, changed, system.neighbor, system.side, system.used]
        inputs += [system.conductance, system.diagonal, self._leaves.pinned, self._basis]
        inputs += [self._band, self._scale, self._local_inverse, self._arrays.face_basis]
        launch(self._setup.galerkin, system.leaves, inputs, system.device)
        shape = [self._rows, self._width, system.leaves, changed]
        self._constants.choose_pins(self._scale)
        pins = [system.regions.count, self._constants.pins]
        inputs = [*shape, *pins, self._scale, self._band, self._band_factor, self._column]
        launch(kernels.band_factor, 1, inputs, system.device)
        if self.dense:
            inputs = [*shape, self._band_factor, self._inverse]
            launch(kernels.band_inverse, -(-self._rows // kernels.COLUMNS), inputs, system.device)

    def _update_basis(self) -> None:
        system, leaves = self.system, self._leaves
        if self.coarse_size > 1:
            leaves.closed_factor(self._closed)
            own = int(self._start_functions.size > (self.coarse_size - 1) * system.bricks.leaf_size)
            start = [own, self._start_functions]
            inputs = [leaves.changed, leaves.members, *start, system.diagonal, self._closed, self._raw]
            launch(self._setup.inverse_step, leaves.groups * (self.coarse_size - 1), inputs, system.device)
        constants = self._constants
        inputs = [leaves.changed, leaves.places, constants.pieces, constants.count, self._raw, self._basis]
        launch(self._setup.orthonormalize, system.leaves, inputs, system.device)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system = self.system
        self._leaves.solve(r, self._arrays)
        self._solve_coarse(self._correction, self._arrays.rhs)
        inputs = [system.slots, system.leaves, self._basis, self._leaves.y, self._coarse, r, z, rz]
        launch(self._correction.prolong, system.slots, inputs, system.device)

    def start(self, r: wp.array, x: wp.array) -> None:
        system = self.system
        launch(self._start.restrict, system.leaves, [self._basis, r, self._start_rhs], system.device)
        self._solve_coarse(self._start, self._start_rhs)
        launch(self._start.prolong_add, system.leaves, [self._basis, self._coarse, x], system.device)

    def _solve_coarse(self, solution, rhs: wp.array) -> None:
        system = self.system
        graph = [system.neighbor, system.side, rhs]
        if self.dense:
            inputs = [self._rows, *graph, self._inverse, self._local_inverse, self._coarse]
            launch(solution.multiply, -(-self._rows // kernels.ROWS), inputs, system.device)
        else:
            inputs = [self._rows, self._width, *graph, self._band_factor, self._local_inverse, self._coarse]
            launch(solution.substitute, 1, inputs, system.device)


def haar(extent: tuple[int, int, int], functions: int) -> np.ndarray:
    """[functions, L] fp32: +1 on one half of a sub-brick and -1 on the other, 0 elsewhere, coarse to fine.

    With the constant, the first R - 1 span the indicators of ``sub_bricks(extent, R)`` for every R, a power of two.
    """
    rows: list[np.ndarray] = []
    parts = 1
    while len(rows) < functions:
        half = sub_bricks(extent, 2 * parts)
        rows += [(half == 2 * p).astype(np.float32) - (half == 2 * p + 1) for p in range(parts)]
        parts *= 2
    return np.stack(rows[:functions]).astype(np.float32)


def sub_bricks(extent: tuple[int, int, int], parts: int) -> np.ndarray:
    """[leaf_size] number of the sub-brick of each cell: the longest axis is halved until there are ``parts``."""
    boxes = [tuple((0, e) for e in extent)]
    while len(boxes) < parts:
        halves = []
        for box in boxes:
            axis = max(range(3), key=lambda a: box[a][1] - box[a][0])
            low, high = box[axis]
            middle = (low + high) // 2
            halves += [
                tuple(part if a == axis else box[a] for a in range(3)) for part in ((low, middle), (middle, high))
            ]
        boxes = halves
    part = np.empty(extent, dtype=np.int32)
    for number, box in enumerate(boxes):
        part[tuple(slice(low, high) for low, high in box)] = number
    return part.ravel()
