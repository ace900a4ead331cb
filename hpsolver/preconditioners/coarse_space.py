"""The matrix of a coarse space, and its exact solution."""

from __future__ import annotations

from dataclasses import dataclass

import warp as wp

from hpsolver.bricks import Bricks
from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.native import launch
from hpsolver.lattice import Lattice
from hpsolver.system import System

from .constants import Constants, RegionConstants
from .ranks import Ranks


@dataclass(frozen=True)
class CoarseMatrix:
    """A Galerkin matrix on the device: R unknowns for each node of a lattice (``hpsolver.kernels.nested``).

    Attributes:
        lattice: the nodes: leaves of the grid, or bricks of nodes.
        ranks: how many unknowns of each node count.
        neighbor, side: [nodes, directions] of the lattice.
        changed: [nodes] int32, 1 where what the node's own block is made of is not last frame's.
        blocks, mass: [nodes, directions + 1, R, R], [nodes, directions, R, R] (or a dummy).
        scale: [unknowns] diagonal of the matrix without its couplings, > 0.
        constants: which unknowns are constants.
    """

    lattice: Bricks | Lattice
    ranks: Ranks
    neighbor: wp.array
    side: wp.array
    changed: wp.array
    blocks: wp.array
    mass: wp.array
    scale: wp.array
    constants: Constants

    @property
    def R(self) -> int:
        return self.ranks.most

    @property
    def unknowns(self) -> int:
        return self.lattice.leaves * self.R

    @property
    def width(self) -> int:
        """Of the lower band: diagonal and entries left of it."""
        return (self.lattice.leaf_reach + 1) * self.R

    @classmethod
    def allocate(
        cls,
        system: System,
        lattice: Bricks | Lattice,
        ranks: Ranks,
        graph: tuple[wp.array, wp.array, wp.array],
        constants: Constants,
        mass: bool,
    ) -> CoarseMatrix:
        """With zeros for blocks; ``graph``: neighbor, side and changed."""
        R = ranks.most
        faces = lattice.leaves * lattice.directions * R * R
        blocks = system.zeros(faces + lattice.leaves * R * R, wp.float64)
        masses = system.zeros(faces if mass else 1, wp.float64)
        scale = system.zeros(lattice.leaves * R, wp.float64)
        return cls(lattice, ranks, *graph, blocks, masses, scale, constants)


class ExactCoarse:
    """E^-1 by a banded factor, or by a dense inverse (``dense``).

    Attributes:
        result: [unknowns] fp64, the last solution.

    Raises:
        ValueError: the dense inverse would have too many rows.
    """

    def __init__(self, system: System, matrix: CoarseMatrix, dense: bool):
        rows, width, varied = matrix.ranks.rows, matrix.width, matrix.ranks.varied
        if dense and rows > kernels.DENSE_LIMIT:
            raise ValueError(
                f"the dense inverse of this coarse matrix would have {rows} rows, allowed: {kernels.DENSE_LIMIT}; "
                "use more levels (sweep='redblack', ranks='uniform'), fewer functions a leaf (coarse_size), or larger "
                "leaves"
            )
        self._system, self._matrix, self.dense = system, matrix, dense
        self._pins = RegionConstants(system, matrix.constants, matrix.lattice.leaves)
        self._band, self._factor = (system.zeros(rows * width, wp.float64) for _ in range(2))
        self._column = system.zeros(width, wp.float64)
        self._inverse = system.zeros(rows * rows if dense else 1, wp.float64)
        self._nothing = system.zeros(1, wp.float64)
        self.result = system.zeros(matrix.unknowns, wp.float64)
        self._rows = rows
        self._band_rows = kernels.band_rows(system.grid.dimension, matrix.R, varied)
        self._band_kernels = kernels.banded(varied)

    @property
    def launches(self) -> int:
        return 1

    def update(self) -> None:
        """Records: factor, and inverse, of the matrix."""
        system, matrix, nodes = self._system, self._matrix, self._matrix.lattice.leaves
        ranks, size = matrix.ranks, [self._rows, matrix.width]
        moved = matrix.changed if ranks.moved is None else ranks.moved
        inputs = [
            *ranks.of_nodes,
            *ranks.of_rows,
            *size,
            moved,
            matrix.neighbor,
            matrix.side,
            matrix.blocks,
            self._band,
        ]
        launch(self._band_rows, nodes, inputs, system.device)
        self._pins.choose_pins(matrix.scale)
        shape = [*ranks.of_rows, *size, nodes, matrix.changed]
        pins = [system.regions.count, self._pins.pins]
        inputs = [*shape, *pins, matrix.scale, self._band, self._factor, self._column]
        launch(self._band_kernels.factor, 1, inputs, system.device)
        if self.dense:
            blocks = -(-self._rows // kernels.COLUMNS)
            launch(self._band_kernels.invert, blocks, [*shape, self._factor, self._inverse], system.device)

    def solve(self, rhs: wp.array, *, pushed: bool = False, local_inverse: wp.array | None = None) -> None:
        """Records: result = E^-1 rhs, less the nodes' own part if their inverses are given.

        Args:
            rhs: [unknowns], or, if ``pushed``, [nodes, directions + 1, R] as sweeps leave it.
        """
        system, matrix = self._system, self._matrix
        local, ranks = local_inverse is not None, matrix.ranks
        solution = kernels.exact_solution(system.grid.dimension, matrix.R, pushed, local, ranks.varied)
        own = self._nothing if local_inverse is None else local_inverse
        graph = [self._rows, matrix.width, matrix.neighbor, matrix.side, rhs]
        operator = self._inverse if self.dense else self._factor
        inputs = [*ranks.of_nodes, *ranks.of_rows, *graph, operator, own, self.result]
        if self.dense:
            launch(solution.multiply, -(-self._rows // kernels.ROWS), inputs, system.device)
        else:
            launch(solution.substitute, 1, inputs, system.device)
