"""The matrix of a coarse space, and its exact solution."""

from __future__ import annotations

from dataclasses import dataclass

import warp as wp

from hpsolver.bricks import Bricks
from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.building import launch
from hpsolver.node_bricks import NodeBricks
from hpsolver.system import System

from .constants import Constants, RegionConstants

SLACK = {wp.float64: 1e-8, wp.float32: 1e-6}
"""Share of the coarse diagonal that is added to it where the fluid moves and the unknowns to pin are not known. Like a
pin, it fixes a level, which A does not see. By the type of the residual, whose rounding it amplifies."""


@dataclass(frozen=True)
class CoarseMatrix:
    """A Galerkin matrix on the device: R unknowns for each node of a lattice (``hpsolver.kernels.nested``).

    Attributes:
        lattice: the nodes: leaves of the grid, or bricks of nodes.
        R: unknowns of a node.
        neighbor, side: [nodes, directions] of the lattice.
        changed: [nodes] int32, 1 where the node's own block is made of other numbers than in the last frame.
        blocks, mass: [nodes, directions + 1, R, R], [nodes, directions, R, R] (or a dummy).
        scale: [unknowns] diagonal of the matrix without its couplings, > 0.
        constants: which unknowns are constants.
        cells: [nodes, R] fp64 for moving fluid (``hpsolver.kernels.constants``); None for fluid at rest.
    """

    lattice: Bricks | NodeBricks
    R: int
    neighbor: wp.array
    side: wp.array
    changed: wp.array
    blocks: wp.array
    mass: wp.array
    scale: wp.array
    constants: Constants
    cells: wp.array | None = None

    @property
    def unknowns(self) -> int:
        return self.lattice.leaves * self.R

    @property
    def width(self) -> int:
        """Entries of a row in the lower band: the diagonal and those left of it."""
        return (self.lattice.leaf_reach + 1) * self.R

    @classmethod
    def allocate(
        cls,
        system: System,
        lattice: Bricks | NodeBricks,
        R: int,
        graph: tuple[wp.array, wp.array, wp.array],
        constants: Constants,
        mass: bool,
    ) -> CoarseMatrix:
        """A matrix with zeros for blocks; ``graph``: neighbor, side and changed."""
        faces = lattice.leaves * lattice.directions * R * R
        blocks = system.zeros(faces + lattice.leaves * R * R, wp.float64)
        masses = system.zeros(faces if mass else 1, wp.float64)
        scale = system.zeros(lattice.leaves * R, wp.float64)
        cells = system.zeros(lattice.leaves * R, wp.float64) if system.moving else None
        return cls(lattice, R, *graph, blocks, masses, scale, constants, cells)


class ExactCoarse:
    """E^-1 by a banded factor, or by a dense inverse (``dense``).

    Attributes:
        result: [unknowns] fp64, the last solution.

    Raises:
        ValueError: the dense inverse would have too many rows.
    """

    def __init__(self, system: System, matrix: CoarseMatrix, dense: bool):
        rows, width = matrix.unknowns, matrix.width
        if dense and rows > kernels.DENSE_LIMIT:
            raise ValueError(
                f"the dense inverse of this coarse matrix would have {rows} rows, allowed: {kernels.DENSE_LIMIT}; "
                "use more levels (sweep='redblack'), fewer functions a leaf (coarse_size), or larger leaves"
            )
        self._system, self._matrix, self.dense = system, matrix, dense
        self._pins = RegionConstants(system, matrix.constants, matrix.lattice.leaves)
        self._slack = wp.float64(SLACK[system.krylov_type] if system.moving else 0.0)
        self._nothing = system.zeros(1, wp.float64)
        self._rows, self._stored = rows, kernels.pitch(rows) if dense else width
        dimension = system.grid.dimension
        self._fill = kernels.dense_rows(dimension, matrix.R) if dense else kernels.band_rows(dimension, matrix.R)
        size = self._stored * (self._stored if dense else rows)
        self._before, self._after = (system.zeros(size, wp.float64) for _ in range(2))
        self._panels = self._stored // kernels.TILE
        self._solved = self._before if dense and self._panels % 2 == 0 else self._after
        self._scratch = system.zeros(kernels.band_scratch(width), wp.float64)
        self._stale = system.zeros(1, wp.int32)
        self.result = system.zeros(matrix.unknowns, wp.float64)

    @property
    def launches(self) -> int:
        return 1

    def update(self) -> None:
        """Records: factor, or inverse, of the matrix."""
        self._pins.choose_pins(self._matrix.scale)
        if self.dense:
            self._invert()
        else:
            self._factor()

    def _factor(self) -> None:
        system, matrix, nodes = self._system, self._matrix, self._matrix.lattice.leaves
        size, graph = [self._rows, matrix.width], [matrix.changed, matrix.neighbor, matrix.side]
        launch(self._fill, nodes, [*size, *graph, matrix.blocks, self._before], system.device)
        inputs = [*size, nodes, matrix.changed, *self._fixed(), self._before, self._after, self._scratch]
        launch(kernels.factor_band, 1, inputs, system.device)

    def _invert(self) -> None:
        system, matrix, nodes = self._system, self._matrix, self._matrix.lattice.leaves
        graph = [matrix.changed, matrix.neighbor, matrix.side, matrix.blocks]
        inputs = [nodes, self._stored, *graph, *self._fixed(), self._stale, self._before]
        launch(self._fill, nodes, inputs, system.device)
        panels, before, after = self._panels, self._before, self._after
        for panel in range(panels):
            inputs = [self._rows, panel, panels, self._stale, matrix.scale, before, after]
            launch(kernels.exchange, panels * (panels + 1) // 2, inputs, system.device)
            before, after = after, before

    def _fixed(self) -> list[object]:
        """Kernel arguments that fix the levels of singular regions."""
        return [self._pins.count, self._pins.pins, self._slack, self._matrix.scale]

    def solve(self, rhs: wp.array, *, pushed: bool = False, local_inverse: wp.array | None = None) -> None:
        """Records: result = E^-1 rhs, less the nodes' own part if their inverses are given.

        Args:
            rhs: [unknowns], or, if ``pushed``, [nodes, directions + 1, R] as sweeps leave it.
            local_inverse: [nodes, R, R] inverses of the nodes' own blocks, for the additive form.
        """
        system, matrix = self._system, self._matrix
        solution = kernels.exact_solution(system.grid.dimension, matrix.R, pushed, local_inverse is not None)
        own = self._nothing if local_inverse is None else local_inverse
        graph = [self._rows, self._stored, matrix.neighbor, matrix.side, rhs]
        inputs = [*graph, self._solved, own, self.result]
        if self.dense:
            launch(solution.multiply, -(-self._rows // kernels.ROWS), inputs, system.device)
        else:
            launch(solution.substitute, 1, inputs, system.device)
