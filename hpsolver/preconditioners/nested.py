"""A coarse problem too large to solve exactly: the same construction once more, or as often as needed.

E is a coarse matrix on *nodes* of R unknowns: leaves of the grid, or bricks of the level below. Nodes are grouped in
bricks of 128 unknowns. With D the bricks' own blocks and L, U the couplings to bricks of earlier and later colours, the
cycle on E is

    M = S^T (D + L Q U) S,   S = (D + L)^-1,   Q = Psi (Psi^T E Psi)^-1 Psi^T.

For a right-hand side c this is a sweep over the colours; a correction, by the bricks' functions Psi, of what the sweep
left in earlier colours, U S c; and the sweep back. M is symmetric positive definite whatever stands for D^-1 and for
the inverse in Q, so Q may be a cycle itself. The grid's own leaves are treated in the same way once their coarse
problem is nested.

Psi has R2 functions a brick, 16 or 32: Haar functions of the brick's groups of nodes times the constants' coefficients,
after one inverse step of the brick with closed faces. Faces are closed in the grid (``kernels.nested``): closing them
in E itself would be wrong by far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import warp as wp

from hpsolver.bricks import Bricks
from hpsolver.kernels.building import launch
from hpsolver.kernels.leaves import fits
from hpsolver.kernels.nested import UNKNOWNS, nesting
from hpsolver.node_bricks import NodeBricks, group_nodes
from hpsolver.system import System

from .coarse_matrix import CoarseMatrix, ExactCoarse
from .constants import RegionConstants
from .haar import haar
from .leaves import Groups
from .moving_bricks import MovingBricks

FUNCTIONS = 16
"""R2, functions of a brick. With 8, one function for two leaves, thin and torn phases need up to twice the iterations.
Where solids cut many leaves, R2 is twice as large: the constants of what is connected in a brick need that many."""

BAND_WORK = 750
"""rows * width^2, per cell of the grid and function of a leaf, of the largest band that is factored each frame where
``levels`` is None. Exact solutions cost fewer iterations: they are kept as long as the factorisation is a fair part of
the frame, which has more leaves' work and saves more iterations with more functions (``bench/FINDINGS.md``)."""

BRICK_WORK = 1500
"""The same for bricks, whatever their number of functions."""

EXACT_ROWS = 1024
"""Rows of the largest matrix whose dense inverse is made each frame where ``levels`` is None. Modelled for an H100, not
measured: 32 panels of some 10 us, where a nested level takes 0.1 ms to renew but up to 1 ms more in iterations
(``kernels/native/coarse/exchange.h``)."""

SLACK = 1e-4
"""Share of the diagonal that is added to it in bricks that enclose a singular region of moving fluid, like ``SLACK`` in
``coarse_matrix``, but larger, since dense inverses of bricks are stored in single precision."""

TORN_WORK = 24_000
"""The same where solids cut many leaves: bricks have twice the functions then, and a cycle needs up to twice the
iterations."""


def nests(
    lattice: Bricks | NodeBricks, R: int, dense: bool, levels: int | None, size: int, functions: int = FUNCTIONS
) -> bool:
    """Whether the coarse matrix of these nodes is solved by a cycle. It never is if there is a single node.

    Args:
        levels: of the preconditioner, counted from these nodes on; None: as many as pay.
        size: cells of the grid.
        functions: R2.
    """
    if lattice.leaves == 1:
        return False
    if levels is not None:
        return levels > 2
    work = TORN_WORK if functions != FUNCTIONS else BAND_WORK * R if isinstance(lattice, Bricks) else BRICK_WORK
    return lattice.leaves * R > EXACT_ROWS if dense else band_work(lattice, R) > work * size


def band_work(lattice: Bricks | NodeBricks, R: int) -> int:
    """rows * width^2 of the band of these nodes' coarse matrix."""
    return lattice.leaves * R * ((lattice.leaf_reach + 1) * R) ** 2


class NestedCoarse:
    """An approximate E^-1: one cycle.

    Args:
        matrix: E, with ``mass``.
        cells: cells of a node per axis, times ``bricks.weakness``.
        dense: solve bricks by dense inverses.
        levels: of the preconditioner, counted from the nodes of E on; None: as many as pay.
        functions: R2.
        lower: [leaves] the node of each leaf of the grid; None where the leaves are the nodes.

    Attributes:
        result: [rows] fp64, the last solution.
        brick_of: [leaves] the brick of each leaf of the grid, on the host.
    """

    def __init__(
        self,
        system: System,
        matrix: CoarseMatrix,
        cells: Sequence[float],
        dense: bool,
        levels: int | None,
        functions: int = FUNCTIONS,
        lower: np.ndarray | None = None,
    ):
        R, R2 = matrix.R, functions
        dimension, device = system.grid.dimension, system.device
        periodic = [False] * (3 - dimension) + [system.grid.periodic(a) for a in range(dimension)]
        lattice = group_nodes(matrix.lattice, UNKNOWNS // R, cells, periodic)
        above = None if levels is None else levels - 1
        mass = nests(lattice, R2, dense, above, system.size, R2)
        self._system, self._matrix, self.dense, self._bricks = system, matrix, dense, lattice.leaves
        self._by, self._functions = Groups(lattice.colors, device, dense), R2
        pieces, constants = matrix.constants.merged(lattice, R2)

        as_int = {"dtype": wp.int32, "device": device}
        self._nodes = wp.array(lattice.members.ravel(), **as_int)
        self._inside = wp.array(lattice.inside.ravel(), **as_int)
        self._places = wp.array(lattice.places, **as_int)
        graph = [wp.array(a.ravel(), **as_int) for a in (lattice.neighbor, lattice.side)]
        self._changed = system.zeros(lattice.leaves, wp.int32)
        self._pins = RegionConstants(system, matrix.constants, matrix.lattice.leaves, lattice)
        count = np.maximum(np.bincount(constants.unknown // R2, minlength=lattice.leaves), 1)
        self._constant_count = wp.array(count, **as_int)
        piece, weight = _in_brick_order(matrix, lattice, pieces)
        self._pieces = wp.array(piece, dtype=wp.uint8, device=device)
        self._weight = wp.array(weight, dtype=wp.float64, device=device)
        smooth = _smooth(lattice, R2)
        self._start_functions = wp.array(
            _start_functions(smooth, lattice, R, R2, weight), dtype=wp.float32, device=device
        )
        brick = lattice.places // lattice.size
        self.brick_of: np.ndarray = brick if lower is None else brick[lower]
        self._closed = system.zeros(lattice.leaves, wp.int32)
        self._moving: MovingBricks | None = None
        if system.moving is not None:
            self._moving = MovingBricks(system, system.moving, R, R2, self.brick_of, smooth)

        M, W = system.preconditioner_type, self._by.W
        halfwidth = (lattice.reach + 1) * R - 1
        size = lattice.leaves * UNKNOWNS
        self._diagonal = system.zeros(size, wp.float64)
        in_memory = not (dense and fits(UNKNOWNS, halfwidth))
        self._factor = system.zeros(self._by.groups * UNKNOWNS * (halfwidth + 1) * W if in_memory else 1, wp.float64)
        self._operator = system.zeros(size * UNKNOWNS, M) if dense else self._factor
        self._raw = system.zeros(self._by.groups * (R2 - 1) * UNKNOWNS * W, wp.float64)
        self._basis = system.zeros(size * R2, wp.float64)
        self._pushed = system.zeros(lattice.leaves * (lattice.directions + 1) * R2, wp.float64)
        self.result = system.zeros(matrix.unknowns, wp.float64)
        self._kernels = nesting(dimension, halfwidth, W, M, R, R2, dense, mass)

        self._upper = CoarseMatrix.allocate(system, lattice, R2, (*graph, self._changed), constants, mass)
        self._coarse: NestedCoarse | ExactCoarse
        if mass:
            self._coarse = NestedCoarse(system, self._upper, lattice.cells, dense, above, R2, self.brick_of)
        else:
            self._coarse = ExactCoarse(system, self._upper, dense)

    @property
    def launches(self) -> int:
        return 2 * self._by.colors + self._coarse.launches

    def update(self) -> None:
        """Records: the cycle for this frame's matrix."""
        system, matrix, by, kernels = self._system, self._matrix, self._by, self._kernels
        device, bricks, changed = system.device, self._bricks, self._changed
        inputs = [self._nodes, matrix.neighbor, matrix.changed, matrix.blocks, self._diagonal, changed]
        launch(kernels.find_changes, bricks, inputs, device)
        self._pins.choose_pins(matrix.scale)

        if self._moving is not None:
            mine = self._weight, self._start_functions, self._closed
            self._moving.update(self._nodes, matrix, self._upper, *mine)
        own = [self._pins.pinned, wp.float64(SLACK), self._closed, matrix.scale, matrix.blocks, matrix.mass]
        operator = [changed, by.members, self._nodes, self._inside, *own]
        ends = [1, self._start_functions, self._raw, self._factor]
        if self.dense:
            launch(kernels.inverse_step, by.groups, [*operator, self._diagonal, *ends], device)
            launch(kernels.root, by.groups, [*operator, self._factor, self._operator], device)
        else:
            launch(kernels.factor_closed, by.groups, [*operator, self._factor], device)
            inputs = [changed, by.members, self._diagonal, *ends]
            launch(kernels.inverse_step, by.groups * (self._functions - 1), inputs, device)
            launch(kernels.factor, by.groups, [*operator, self._factor], device)
        constants = [self._pieces, self._constant_count, self._weight]
        launch(kernels.orthonormalize, bricks, [changed, by.places, *constants, self._raw, self._basis], device)
        inputs = [changed, *self._graph(), matrix.blocks, matrix.mass, matrix.scale, self._basis]
        inputs += [self._upper.blocks, self._upper.mass, self._upper.scale]
        launch(kernels.galerkin, bricks, inputs, device)
        self._coarse.update()

    def solve(self, rhs: wp.array) -> None:
        """Records: result = M rhs, with rhs [nodes, directions + 1, R] as sweeps push it."""
        for color in range(self._by.colors):
            self._sweep(color, True, rhs)
        if isinstance(self._coarse, NestedCoarse):
            self._coarse.solve(self._pushed)
        else:
            self._coarse.solve(self._pushed, pushed=True)
        for color in reversed(range(self._by.colors)):
            self._sweep(color, False, rhs)

    def _sweep(self, color: int, upward: bool, rhs: wp.array) -> None:
        by = self._by
        first, blocks = by.of_color(color)
        inputs = [first, int(upward), by.members, by.color, *self._graph(), self._matrix.blocks, self._operator]
        inputs += [self._basis, rhs, self.result, self._pushed, self._coarse.result]
        launch(self._kernels.sweep, blocks, inputs, self._system.device)

    def _graph(self) -> list[wp.array]:
        matrix, upper = self._matrix, self._upper
        return [self._nodes, self._inside, matrix.neighbor, matrix.side, self._places, upper.neighbor, upper.side]


def _in_brick_order(matrix: CoarseMatrix, lattice: NodeBricks, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[bricks * 128] the piece of each unknown, 0 where there is none, and its coefficient in the constant."""
    constants, R = matrix.constants, matrix.R
    piece = np.repeat((lattice.members.ravel() >= 0).astype(np.uint8), R)
    weight = np.zeros(len(piece))
    place = lattice.places[constants.unknown // R] * R + constants.unknown % R
    piece[place] = pieces
    weight[place] = np.sqrt(constants.cells)
    return piece, weight


def _smooth(lattice: NodeBricks, R2: int) -> np.ndarray:
    """[up to R2 - 1, nodes] fp32: Haar functions of a brick's nodes."""
    order = np.ravel_multi_index(lattice.local.T, lattice.extent)
    functions: np.ndarray = haar(lattice.extent, min(R2 - 1, lattice.size - 1))[:, order]
    return functions


def _start_functions(smooth: np.ndarray, lattice: NodeBricks, R: int, R2: int, weight: np.ndarray) -> np.ndarray:
    """[bricks * (R2 - 1) * 128] fp32: Haar functions times constants; with few nodes, also their next functions."""
    size, count = lattice.size, R2 - 1
    functions = np.zeros((lattice.leaves, count, size, R), dtype=np.float32)
    functions[:, : len(smooth)] = smooth[:, :, None] * weight.reshape(lattice.leaves, 1, size, R)
    for k in range(count - len(smooth)):
        functions[:, len(smooth) + k, k % size, 1 + k // size] = 1.0
    return functions.ravel()
