"""Schwarz with a coarse space: exact leaves and a coarse space of a few functions per leaf (the *skeleton*).

With B = blkdiag(A_ii^-1), or a symmetric sweep over coloured leaves, and Q = Phi (Phi^T A Phi)^-1 Phi^T:

- additive:  M = B + Q - Phi blkdiag((Phi_i^T A_ii Phi_i)^-1) Phi^T. What leaf and coarse space would both correct is
  taken out once; M is symmetric positive definite, since B minus its Phi part is A_ii^-1 seen through an A-orthogonal
  projector.
- deflated:  M = B + Q (I - A B), the A-DEF2 of Tang, Nabben, Vuik and Erlangga (2009), which equals a symmetric
  positive definite preconditioner once the start vector has Phi^T r = 0.
- with overlap, B = sum_i R_i^T D_i^1/2 A_i^-1 D_i^1/2 R_i on windows larger than the leaves (``windows``); M = B + Q,
  or the deflated form. The Phi part, now Phi blkdiag((Phi_i^T D_i^-1/2 A_i D_i^-1/2 Phi_i)^-1) Phi^T, stays in:
  taking it out leaves M definite, but saves at most 2 of 20 to 30 iterations.
- nested, on large grids: the symmetric cycle of ``nested``, where the inverse in Q is itself approximate.

Phi_i, the classical basis: the leaf is split into sub-bricks, their Haar functions go through one inverse step
(A_ii^N + 1e-3 D_i)^-1 D_i of the leaf with closed faces, the constant comes first, and all is orthonormalised. Of so
many candidates a leaf may keep those that it needs most (``selection``).
"""

from __future__ import annotations

import functools
from numbers import Integral

import numpy as np
import warp as wp

from hpsolver.grid import Grid
from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.krylov import krylov
from hpsolver.kernels.leaves import CYCLE, NO_COARSE, PUSH, RESTRICT
from hpsolver.kernels.native import launch
from hpsolver.kernels.windows import residual_restriction

from .base import Preconditioner
from .coarse_space import CoarseMatrix, ExactCoarse
from .constants import Constants
from .haar import haar
from .leaves import CoarseArrays, Leaves
from .nested import NestedCoarse, nests
from .ranks import AdaptiveRanks, Ranks
from .selection import Selection
from .windows import Windows

COARSE_SIZES = (1, 2, 4, 8, 16, 32)
CANDIDATES = 8
SMALL = 20_000
"""Cells of a 2D grid up to which small leaves are fastest."""

SWEEPS = ("additive", "redblack")
BASES = ("classical", "optimal")
OVERLAPS = (0, 1, 2)
RANKS = ("uniform", "adaptive")


def _is_size(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and value in COARSE_SIZES


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
        self._leaves = Leaves(system, False, NO_COARSE, Ranks(system.leaves, 1), self._dense)
        nothing = system.zeros(system.leaves, M)
        self._nothing = system.zeros(system.leaves, wp.float64)
        self._coarse = CoarseArrays(system.zeros(system.size, M), nothing, self._nothing)
        self._kernels = kernels.transfer(system.shape, system.krylov_type, M, 1)

    def update(self) -> None:
        self._leaves.find_changes()
        self._leaves.update()

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system = self.system
        self._leaves.solve(r, self._coarse)
        inputs = [system.slots, system.leaves, self._coarse.basis, self._leaves.y, self._nothing, r, z, rz]
        launch(self._kernels.prolong, system.slots, inputs, system.device)


class Schwarz(Preconditioner):
    """The skeleton.

    Args:
        coarse_size: functions a leaf, a power of two from 1 to 32. A solid mask that cuts the fluid of a leaf into more
            pieces than that may keep a frame from converging; ``Schwarz(8, leaf_size=64)`` is the safest there.
        candidates: functions a leaf to choose those from, in every frame, by what its neighbours leave free
            (``selection``): a power of two, at least ``coarse_size``, at most 32; as many: no choice. None is no choice
            on leaves of 64 cells, and on others 8, or ``coarse_size`` where that is more, or 1; with
            adaptive ranks 8, or twice ``coarse_size``.
        ranks: ``uniform``, or ``adaptive``: of its candidates each leaf has as many functions as are worth it,
            ``coarse_size`` in the mean, by one threshold for the frame. Needs more candidates than that and no overlap;
            the coarse problem is always solved exactly. On a CPU it costs what it saves (``bench/results/ranks.md``):
            0.87 to 0.97 of the iterations, geometric means, each 1.07 to 1.15 times as long; 3D films gain, with 16.
        deflated: A-DEF2 instead of the additive form.
        sweep: ``additive`` (all leaves at once) or ``redblack`` (a symmetric sweep; needs ``deflated``).
        overlap: layers of cells that each leaf's solve takes from its neighbours, 0 to 2; more than 0 needs
            ``sweep="additive"``. It does not pay: measured on a CPU (``bench/results/overlap.md``), one layer takes
            0.8 to 1.5 times the iterations, least on mild or smooth densities, most on torn ones, and 1.4 to 2.7 times
            the solve time.
        leaf_size: cells of a leaf, 64 or 128. None is 64 on 2D grids of up to ``SMALL`` cells, with up to 4 functions
            and no choice among candidates, and 128 otherwise. Measured on a CPU (``bench/results/options.md``), no
            frame of the gallery takes much longer with these defaults than with the options that are best for it.
        basis: ``classical``, or ``optimal``: the best of 32 functions a leaf, found by inverting their coarse matrix in
            Torch (``hpsolver.network.oracle``). Slow: a target for tests and networks.
        levels: 2 solves the coarse problem exactly, more treat it by the same construction again, in time and memory
            proportional to the cells; None takes as many as pay (needs ``redblack``, otherwise 2).
        dense: apply leaves and coarse space as dense inverses (None: on a GPU) instead of banded factors (on a CPU).

    Raises:
        TypeError, ValueError: an option is not what it should be; the message names the value and what is allowed.
    """

    name = "schwarz"
    fallback = "jacobi"

    def __init__(
        self,
        coarse_size: int = 4,
        *,
        candidates: int | None = None,
        ranks: str = "uniform",
        deflated: bool = True,
        sweep: str = "redblack",
        overlap: int = 0,
        leaf_size: int | None = None,
        basis: str = "classical",
        levels: int | None = None,
        dense: bool | None = None,
    ):
        if not _is_size(coarse_size):
            raise ValueError(f"coarse_size must be one of {COARSE_SIZES}, got {coarse_size!r}")
        if candidates is not None and not _is_size(candidates):
            raise ValueError(f"candidates must be None or one of {COARSE_SIZES}, got {candidates!r}")
        if basis == "optimal" and ranks == "adaptive":
            raise ValueError("ranks='adaptive' needs basis='classical', got 'optimal'")
        if candidates is None and ranks == "adaptive":
            candidates = min(max(CANDIDATES, 2 * coarse_size), COARSE_SIZES[-1])
        if candidates is not None and candidates < coarse_size:
            raise ValueError(f"candidates must be at least coarse_size {coarse_size}, got {candidates}")
        if sweep not in SWEEPS:
            raise ValueError(f"unknown sweep {sweep!r}; allowed: {', '.join(SWEEPS)}")
        if not isinstance(deflated, bool | np.bool_):
            raise TypeError(f"deflated must be True or False, got {deflated!r}")
        if dense is not None and not isinstance(dense, bool | np.bool_):
            raise TypeError(f"dense must be None, True or False, got {dense!r}")
        if sweep == "redblack" and not deflated:
            raise ValueError("sweep='redblack' needs deflated=True")
        if overlap not in OVERLAPS:
            raise ValueError(f"overlap must be one of {OVERLAPS}, got {overlap!r}")
        if overlap and sweep != "additive":
            raise ValueError(f"overlap {overlap} needs sweep='additive', got {sweep!r}")
        if basis not in BASES:
            raise ValueError(f"unknown basis {basis!r}; allowed: {', '.join(BASES)}")
        if basis == "optimal" and candidates not in (None, coarse_size):
            raise ValueError(f"basis='optimal' makes its own choice, got candidates {candidates!r}")
        if basis == "optimal" and (leaf_size == 64 or coarse_size > 8):
            raise ValueError("basis='optimal' needs leaves of 128 cells and at most 8 functions")
        if levels is not None and (not isinstance(levels, Integral) or isinstance(levels, bool) or levels < 2):
            raise ValueError(f"levels must be None or an integer >= 2, got {levels!r}")
        if levels is not None and levels > 2 and sweep != "redblack":
            raise ValueError("more than 2 levels need sweep='redblack'")
        if ranks not in RANKS:
            raise ValueError(f"unknown ranks {ranks!r}; allowed: {', '.join(RANKS)}")
        if ranks == "adaptive":
            if candidates <= coarse_size:
                raise ValueError(f"ranks='adaptive' needs more candidates than coarse_size {coarse_size}")
            if overlap or levels not in (None, 2):
                raise ValueError(f"ranks='adaptive' needs overlap 0 and levels None or 2, got {overlap} and {levels}")
        self.coarse_size = coarse_size
        self.candidates = candidates
        self.ranks = ranks
        self.deflated = bool(deflated)
        self.sweep = sweep
        self.overlap = overlap
        self.leaf_size = leaf_size
        self.starts = self.deflated
        self.basis = basis
        self.graph_safe = basis == "classical"
        self.levels = levels
        self._dense = dense

    def leaf_cells(self, grid: Grid) -> int:
        if self.leaf_size is not None:
            return self.leaf_size
        plain = self.coarse_size <= 4 and self.candidates in (None, self.coarse_size) and self.graph_safe
        return 64 if plain and grid.dimension == 2 and grid.cells <= SMALL else 128

    def allocate(self) -> None:
        system, bricks = self.system, self.system.bricks
        if self.candidates is None:
            chooses = bricks.leaf_size > 64 and self.coarse_size > 1 and self.basis == "classical"
            self.candidates = max(self.coarse_size, CANDIDATES) if chooses else self.coarse_size
        R, C = self.coarse_size, self.candidates
        if self.ranks == "adaptive":
            R = C
        M, L, T = system.preconditioner_type, bricks.leaf_size, system.krylov_type
        self.dense = system.device.is_cuda if self._dense is None else self._dense
        nested = self.sweep == "redblack" and self.ranks == "uniform"
        nested = nested and nests(bricks, R, self.dense, self.levels, system.size)
        self.starts = self.deflated and not nested
        mode = CYCLE if nested else PUSH if self.deflated else RESTRICT
        self.windows = self.near_field()
        constants = Constants.of_leaves(system, R)
        count = np.maximum(np.bincount(constants.unknown // R, minlength=system.leaves), 1)
        self._ranks = Ranks(system.leaves, R)
        if self.ranks == "adaptive":
            self._ranks = AdaptiveRanks(system, bricks, self.coarse_size, R, count)
        ranks, dense = self._ranks, self.dense and self.windows is None
        self._leaves = Leaves(system, self.sweep == "redblack", mode, ranks, dense)
        by = self._leaves.by
        self._pieces = wp.array(system.pieces, dtype=wp.uint8, device=system.device)
        self._constant_count = wp.array(count, dtype=wp.int32, device=system.device)
        self._choice = Selection(system, self._leaves, C, ranks, self._constant_count) if C > self.coarse_size else None
        renewed = self._leaves.changed if self._choice is None else self._choice.renewed
        graph = (system.neighbor, system.side, renewed)
        self._matrix = CoarseMatrix.allocate(system, bricks, ranks, graph, constants, mass=nested)
        if nested:
            self._coarse = NestedCoarse(system, self._matrix, bricks.extent, self.dense, self.levels)
        else:
            self._coarse = ExactCoarse(system, self._matrix, self.dense)

        self._raw = system.zeros(by.groups * max(C - 1, 1) * L * by.W, wp.float64)
        self._basis = system.zeros(system.leaves * R * L, M)
        self._start_functions = wp.array(self.start_functions(), dtype=wp.float32, device=system.device)
        local = not self.deflated and self.windows is None
        self._local_inverse = system.zeros(self._matrix.unknowns * R if local else 1, wp.float64)
        pushes = system.leaves * (bricks.directions + 1 if self.deflated else 1) * R
        faces = system.leaves * bricks.directions * bricks.face_size * R
        self._arrays = CoarseArrays(self._basis, system.zeros(faces, M), system.zeros(pushes, wp.float64))
        self._restricted = system.zeros(self._matrix.unknowns, wp.float64)

        coarsening = functools.partial(kernels.coarsening, system.shape, bricks.halfwidth, by.W, M)
        self._galerkin = coarsening(R, local, nested, varied=ranks.varied).galerkin
        self._setup = coarsening(C, local, nested) if self._choice is None else self._choice.setup
        self._transfer = kernels.transfer(system.shape, T, M, R, ranks.varied)
        self._dot = krylov(system.shape, T).dot

    def near_field(self) -> Windows | None:
        """The solves on windows that overlap, None for those on leaves."""
        return Windows(self.system, self.overlap, None, self.dense) if self.overlap else None

    def start_functions(self) -> np.ndarray:
        """[(C - 1) * L] for all leaves alike, or [leaves * (C - 1) * L]: what the inverse step is applied to."""
        start = haar(self.system.bricks.extent, max(self.candidates - 1, 1))
        return start.ravel() if self.graph_safe else np.tile(start, (self.system.leaves, 1, 1)).ravel()

    def predict(self) -> None:
        if self.basis == "optimal":
            from hpsolver.network.oracle import optimal_functions

            self._start_functions.assign(optimal_functions(self.system, self.coarse_size - 1))
            self._leaves.forget()

    @property
    def launches(self) -> int:
        if isinstance(self._coarse, NestedCoarse):
            return self._leaves.launches + 2 + self._coarse.launches
        return (self._leaves.launches if self.windows is None else self.windows.launches + 1) + 2

    def update(self) -> None:
        system = self.system
        self._leaves.find_changes()
        self._update_basis()
        if self.windows is None:
            self._leaves.update()
        else:
            self.windows.update(self._leaves.changed)
        matrix = self._matrix
        inputs = [*self._ranks.of_nodes, system.leaves, matrix.changed, system.neighbor, system.side, system.used]
        inputs += [system.conductance, system.diagonal, self._leaves.pinned, self._basis]
        inputs += [matrix.blocks, matrix.mass, matrix.scale, self._local_inverse, self._arrays.face_basis]
        launch(self._galerkin, system.leaves, inputs, system.device)
        self._coarse.update()

    def _update_basis(self) -> None:
        system, leaves, by = self.system, self._leaves, self._leaves.by
        C, basis = self.candidates, self._basis if self._choice is None else self._choice.candidates
        if C > 1:
            closed = leaves.closed_factor()
            own = int(self._start_functions.size > (C - 1) * system.bricks.leaf_size)
            inputs = [leaves.changed, by.members, own, self._start_functions, system.diagonal, closed, self._raw]
            launch(self._setup.inverse_step, by.groups * (C - 1), inputs, system.device)
        inputs = [leaves.changed, by.places, self._pieces, self._constant_count, self._raw, self._raw, basis]
        launch(self._setup.orthonormalize, system.leaves, inputs, system.device)
        if self._choice is not None:
            self._choice.update(self._basis)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system, leaves, coarse = self.system, self._leaves, self._coarse
        blocks = [system.slots, system.leaves]
        if isinstance(coarse, NestedCoarse):
            leaves.ascend(r, z, self._arrays)
            coarse.solve(self._arrays.rhs)
            leaves.descend(r, z, self._arrays, coarse.result)
            launch(self._dot, system.slots, [*blocks, r, z, rz], system.device)
            return
        if self.windows is None:
            leaves.solve(r, self._arrays)
            local = None if self.deflated else self._local_inverse
            coarse.solve(self._arrays.rhs, pushed=self.deflated, local_inverse=local)
            y = leaves.y
        else:
            y = self._solve_windows(self.windows, r)
        inputs = [*self._ranks.of_nodes, *blocks, self._basis, y, coarse.result, r, z, rz]
        launch(self._transfer.prolong, system.slots, inputs, system.device)

    def _solve_windows(self, windows: Windows, r: wp.array) -> wp.array:
        """Records: y = B r, which is returned, and the coarse solution of r, or of r - A y if deflated."""
        system = self.system
        windows.solve(r)
        if self.deflated:
            types = system.krylov_type, system.preconditioner_type
            restrict = residual_restriction(system.shape, *types, self.coarse_size)
            operator = [system.neighbor, system.used, system.krylov_conductance, system.krylov_diagonal]
            inputs = [system.leaves, *operator, self._basis, windows.y, r, self._restricted]
            launch(restrict, system.leaves, inputs, system.device)
        else:
            self._restrict(r)
        self._coarse.solve(self._restricted)
        return windows.y

    def start(self, r: wp.array, x: wp.array) -> None:
        system = self.system
        self._restrict(r)
        self._coarse.solve(self._restricted)
        inputs = [*self._ranks.of_nodes, self._basis, self._coarse.result, x]
        launch(self._transfer.prolong_add, system.leaves, inputs, system.device)

    def _restrict(self, r: wp.array) -> None:
        inputs = [*self._ranks.of_nodes, self._basis, r, self._restricted]
        launch(self._transfer.restrict, self.system.leaves, inputs, self.system.device)
