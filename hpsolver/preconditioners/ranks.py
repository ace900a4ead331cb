"""How many functions each node of a coarse space has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import warp as wp

from hpsolver.bricks import Bricks
from hpsolver.kernels.native import launch
from hpsolver.kernels.ranks import assignment
from hpsolver.lattice import Lattice
from hpsolver.system import System


class Ranks:
    """All nodes have the same number.

    Attributes:
        most: functions stored for a node; function f of node b is unknown b * most + f.
        rows: of the coarse matrix, at most.
        varied: whether kernels are those for ranks that vary.
        of_nodes, of_rows: their first arguments (``hpsolver.kernels.ranks``).
        touched, moved: [nodes] int32, 1 where a node changed or has another rank than in the last frame; where it did,
            or its rows of the coarse matrix begin elsewhere. None: where it changed.
    """

    varied = False
    of_nodes: Sequence[object] = ()
    of_rows: Sequence[object] = ()
    touched: wp.array | None = None
    moved: wp.array | None = None

    def __init__(self, nodes: int, most: int):
        self.most = most
        self.rows = nodes * most

    def assign(self, changed: wp.array, worth: wp.array) -> None:
        """Records the choice of ranks.

        Args:
            changed: [nodes] int32, 1 where functions or their worth may not be last frame's.
            worth: [nodes * most] fp64, what a function is worth, falling along a node; 0 or less: nothing.
        """


class AdaptiveRanks(Ranks):
    """Each node has as many as are worth it, by one threshold for all, ``mean`` on average at most.

    Which node has how many is data of the frame; the rows of the coarse matrix are as many as ``mean`` allows, or the
    constants need, so that a captured graph keeps its shapes.

    Args:
        lattice: the nodes.
        constants: [nodes] how many functions of each node are kept whatever they are worth, 1 to ``most``.
    """

    varied = True

    def __init__(self, system: System, lattice: Bricks | Lattice, mean: int, most: int, constants: np.ndarray):
        nodes, device = lattice.leaves, system.device
        super().__init__(nodes, most)
        self.rows = max(nodes * mean, int(constants.sum()))
        self._system, self._nodes = system, nodes
        self._assign = assignment(most)
        arrays = (constants, *_envelope(lattice))
        self._constants, self._lowest, self._highest = (wp.array(a, dtype=wp.int32, device=device) for a in arrays)
        self._rank, self.touched, self.moved = (system.zeros(nodes, wp.int32) for _ in range(3))
        self._first = system.zeros(nodes + 1, wp.int32)
        self._unknown, self._begin, self._until = (system.zeros(self.rows, wp.int32) for _ in range(3))
        self.of_nodes = (self._rank,)
        self._at = system.zeros(self.rows, wp.int64)
        rows = [self._first, self._unknown, self._begin, self._until, self._at]
        self.of_rows = (most, *rows, system.zeros(self.rows, wp.float64))

    def assign(self, changed: wp.array, worth: wp.array) -> None:
        inputs = [self._nodes, self.rows, changed, self._constants, worth, self._lowest, self._highest]
        inputs += [self._rank, self._first, self._unknown, self._begin, self._until, self._at]
        inputs += [self.touched, self.moved]
        launch(self._assign, 1, inputs, self._system.device)


def _envelope(lattice: Bricks | Lattice) -> tuple[np.ndarray, np.ndarray]:
    """[nodes] the first node whose columns the rows of this or of later ones have; the last whose rows have its own."""
    numbers = np.arange(lattice.leaves)
    lowest = np.minimum(lattice.neighbor.min(axis=1), numbers)
    lowest = np.minimum.accumulate(lowest[::-1])[::-1]
    return lowest, np.searchsorted(lowest, numbers, side="right") - 1
