"""Schwarz with a coarse space: exact solves on leaves and a coarse space of a few functions per leaf.

A_ii is the block of A on leaf i, and Phi holds the coarse functions (``coarse_space``). With B = blkdiag(A_ii^-1), or a
symmetric sweep over coloured leaves, and Q = Phi (Phi^T A Phi)^-1 Phi^T:

- additive:  M = B + Q - Phi blkdiag((Phi_i^T A_ii Phi_i)^-1) Phi^T. The last term takes out once what leaf and coarse
  space would both correct. M is symmetric positive definite, since B minus this term is A_ii^-1 seen through an
  A-orthogonal projector.
- deflated:  M = B + Q (I - A B), the A-DEF2 of Tang, Nabben, Vuik and Erlangga (2009), which equals a symmetric
  positive definite preconditioner once the start vector has Phi^T r = 0.
- redblack: the same with the symmetric sweep for B.
- nested, on large grids: the symmetric cycle of ``nested``, where the inverse in Q is itself approximate.
- with lines, redblack on stretched 2D grids: that cycle, with the exact inverse if affordable, between relaxations of
  whole lines of cells (``lines``).
"""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.grid import Grid
from hpsolver.kernels.leaves import CYCLE, PUSH, RESTRICT
from hpsolver.system import System

from .base import Preconditioner
from .coarse_space import CoarseSpace
from .haar import haar
from .leaves import Leaves
from .lines import Lines
from .nested import FUNCTIONS as BRICK_FUNCTIONS
from .nested import nests
from .options import check_at_least, check_flag_or_none, check_one_of

COARSE_SIZES = (1, 2, 4, 8, 16, 32)
FUNCTIONS = 4
CANDIDATES = 8
CHOICES = (8, 16, 24)
"""Numbers of candidates that a default or a weight file uses."""

SMALL = 20_000
"""Cells of a 2D grid up to which small leaves are fastest."""

CUT = {(2, 64): 0.125, (2, 128): 0.25, (3, 64): 0.125, (3, 128): 0.4}
"""All leaves get 8 functions if solids cut this share of them in two or more pieces, by dimension and leaf size."""

WELL_CUT = 0.4
"""Share of leaves in two or more pieces from which on those 8 are chosen from more candidates."""

CUT_CANDIDATES = {64: (16, 16), 128: (16, 24)}
"""How many, below ``WELL_CUT`` and from there on, by the cells of a leaf."""

TORN = 0.4
"""All leaves get 16 functions if solids cut this share of them in more than four pieces."""

SWEEPS = ("additive", "deflated", "redblack")


class Schwarz(Preconditioner):
    """Exact solves on leaves with a coarse space, in one of the forms of the module's text.

    Args:
        coarse_size: functions a leaf, a power of two from 1 to 32. None is 4, or 8 where solids cut many leaves
            (``CUT``), or 16 where they tear many (``TORN``).
        candidates: functions a leaf from which every frame chooses ``coarse_size``, by what the leaf's neighbours leave
            free (``selection``): 8, 16 or 24, at least ``coarse_size``; ``coarse_size`` itself means no choice. None is
            no choice on leaves of 64 cells or with one function, and otherwise 8, or ``coarse_size`` where that is
            more, and 16 or 24 for the 8 functions that solids ask for (``CUT_CANDIDATES``).
        sweep: the form of M: ``redblack``, ``deflated`` or ``additive``.
        leaf_size: cells of a leaf, 64 or 128. None is 64 on 2D grids of up to ``SMALL`` cells, if there are up to 4
            functions and no choice among candidates, and 128 otherwise. Measured on a CPU
            (``bench/results/options.md``), no frame of the gallery takes much longer with these defaults than with the
            options that are best for it.
        levels: 2 solves the coarse problem exactly; more apply the same construction to it again (``nested``), in time
            and memory proportional to the cells. None is as many as pay, and 2 unless ``sweep`` is ``redblack``.
        dense: solve by dense inverses, of the coarse space and of planes of leaves (None: on a GPU), instead of banded
            factors (on a CPU).

    Raises:
        TypeError, ValueError: an option is not what it should be; the message names the value and what is allowed.
    """

    name = "schwarz"
    fallback = "jacobi"
    spreads = True
    one_kernel = ("solve",)

    def __init__(
        self,
        coarse_size: int | None = None,
        *,
        candidates: int | None = None,
        sweep: str = "redblack",
        leaf_size: int | None = None,
        levels: int | None = None,
        dense: bool | None = None,
    ):
        check_one_of("coarse_size", coarse_size, COARSE_SIZES, or_none=True)
        least = coarse_size or FUNCTIONS
        allowed = sorted({least, *(c for c in CHOICES if c > least)})
        check_one_of("candidates", candidates, allowed, or_none=True)
        check_one_of("sweep", sweep, SWEEPS)
        check_flag_or_none("dense", dense)
        if levels is not None:
            check_at_least("levels", levels, 2, or_else="None")
            if levels > 2 and sweep != "redblack":
                raise ValueError(f"levels {levels} needs sweep='redblack', got {sweep!r}")
        self.coarse_size = coarse_size or FUNCTIONS
        self.candidates = candidates
        self._fixed = coarse_size, candidates
        self.sweep = sweep
        self.starts = sweep != "additive"
        self.leaf_size = leaf_size
        self.levels = levels
        self._dense = dense

    def leaf_cells(self, grid: Grid) -> int:
        if self.leaf_size is not None:
            return self.leaf_size
        size, candidates = self._fixed
        plain = (size or FUNCTIONS) <= 4 and candidates in (None, size or FUNCTIONS)
        return 64 if plain and grid.dimension == 2 and grid.cells <= SMALL else 128

    def shapes_leaves(self, grid: Grid) -> bool:
        return not self._line_axes(grid)

    def _line_axes(self, grid: Grid) -> tuple[int, ...]:
        return grid.line_axes if self.sweep == "redblack" else ()

    def allocate(self) -> None:
        system = self.system
        self.coarse_size, self.candidates = self._functions()
        R = self.coarse_size
        self.dense = system.device.is_cuda if self._dense is None else self._dense
        redblack, additive = self.sweep == "redblack", self.sweep == "additive"
        brick_functions = (2 if functions_needed(system) > FUNCTIONS else 1) * BRICK_FUNCTIONS
        nested = redblack and nests(system.bricks, R, self.dense, self.levels, system.size, brick_functions)
        axes = self._line_axes(system.grid)
        self._lines = Lines(system, axes) if axes else None
        self._cycles = nested or bool(axes)
        self.starts = not additive and not self._cycles
        mode = CYCLE if self._cycles else RESTRICT if additive else PUSH
        self._leaves = Leaves(system, redblack, mode, R, self.dense)
        self._space = CoarseSpace(
            system,
            self._leaves,
            R,
            self.candidates,
            self.start_functions(self.candidates),
            pushed=not additive,
            local=additive,
            nested=nested,
            levels=self.levels,
            dense=self.dense,
            brick_functions=brick_functions,
        )

    def _functions(self) -> tuple[int, int]:
        """Functions of a leaf, and candidates to choose them from."""
        (size, candidates), system = self._fixed, self.system
        R = size or functions_needed(system)
        if candidates is None:
            leaf = system.bricks.leaf_size
            candidates = CANDIDATES if leaf > 64 and R > 1 else R
            if size is None and R == 2 * FUNCTIONS:
                candidates = CUT_CANDIDATES[leaf][_cut(system, 1) >= WELL_CUT]
        return R, max(R, candidates)

    def start_functions(self, candidates: int) -> np.ndarray:
        """Start functions (``coarse_space``), [(C - 1) * L] shared by all leaves, or [leaves * (C - 1) * L]."""
        return haar(self.system.bricks.extent, max(candidates - 1, 1)).ravel()

    @property
    def launches(self) -> int:
        around = self._lines.launches if self._lines else 0
        return self._leaves.launches + self._space.launches + (2 if self._cycles else 1) + around

    def renew_start_functions(self) -> None:
        """Records: new start functions for leaves that changed; the classical ones stay."""

    def update(self) -> None:
        self._leaves.find_changes()
        self.renew_start_functions()
        self._space.update()
        self._leaves.update()
        if self._lines:
            self._lines.update()

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        leaves, space, lines = self._leaves, self._space, self._lines
        if self._cycles:
            if lines:
                lines.before(r)
            given, result = (lines.left, lines.inner) if lines else (r, z)
            leaves.ascend(given, result, space.sweep)
            space.solve_swept()
            leaves.descend(given, result, space.sweep, space.correction)
            if lines:
                lines.after(r, z)
            self.dot(r, z, rz)
        else:
            leaves.solve(r, space.sweep)
            space.solve_swept()
            space.prolong(leaves.y, r, z, rz)

    def start(self, r: wp.array, x: wp.array) -> None:
        self._space.solve_restricted(r)
        self._space.prolong_add(x)


def functions_needed(system: System) -> int:
    """How many functions a leaf needs for the constants of its pieces of fluid and some more."""
    if _cut(system, FUNCTIONS) >= TORN:
        return 4 * FUNCTIONS
    enough = CUT[system.grid.dimension, system.bricks.leaf_size]
    return 2 * FUNCTIONS if _cut(system, 1) >= enough else FUNCTIONS


def _cut(system: System, pieces: int) -> float:
    """Share of the leaves with fluid whose fluid is in more than this many pieces."""
    wet = system.leaf_pieces[system.leaf_pieces > 0]
    return float(np.mean(wet > pieces)) if len(wet) else 0.0
