"""The hierarchical transformer preconditioner as published (arXiv 2605.13343)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import warp as wp

from hpsolver.grid import Grid
from hpsolver.kernels.building import launch
from hpsolver.kernels.tiles import tiling
from hpsolver.network.partition import make_partition

from . import weight_files
from .base import Preconditioner
from .paper_network import PaperNetwork
from .paper_weights import PaperWeights

if TYPE_CHECKING:
    from hpsolver.network.transformer import HierarchicalTransformer


class HTPaper(Preconditioner):
    """M = blkdiag(u u^T) + low-rank tiles + diag(g / a_ii), all factors predicted each frame by the transformer.

    ``hpsolver.network.factors`` has the formula. M is symmetric, not always positive definite: where PCG meets
    r.z <= 0 or p.Ap <= 0 the frame goes on with the fallback, and ``info`` says so. The forward pass is kernels inside
    the frame (``paper_network``), and three kernels apply M.

    Args:
        weights: a file written by ``hpsolver train``; None takes the shipped one whose number of cells is
            nearest to the grid's. Weights do not depend on the number of cells, but were trained at one.
        storage: ``float32``, ``float16`` or ``bfloat16``, the type in which M is kept.

    Raises:
        ValueError: unknown storage. When bound: no weights for such a grid, or a file that is not what it should be.
    """

    name = "htp_paper"
    moves = False
    positive = False
    launches = 3
    spreads = True

    STORAGE: ClassVar[dict[str, Any]] = {"float32": wp.float32, "float16": wp.float16, "bfloat16": wp.bfloat16}

    def __init__(self, weights: str | Path | None = None, *, storage: str = "float32"):
        if storage not in self.STORAGE:
            raise ValueError(f"unknown storage {storage!r}; allowed: {', '.join(self.STORAGE)}")
        self._path, self.storage = weights, storage
        self._weights: PaperWeights | None = None

    @classmethod
    def of_network(cls, network: HierarchicalTransformer, **options: Any) -> HTPaper:
        """A preconditioner with a network in memory instead of a file; for training."""
        made = cls(**options)
        made._weights = PaperWeights.of_network(network)
        return made

    def shapes_leaves(self, grid: Grid) -> bool:
        return False

    def allocate(self) -> None:
        system, bricks = self.system, self.system.bricks
        weights = self._weights
        if weights is None:
            weights = PaperWeights.load(self._path or self.shipped(system.grid.dimension, system.grid.cells))
        if weights.size.leaf_size != bricks.leaf_size:
            raise ValueError(f"weights for leaves of {weights.size.leaf_size} cells, this grid has {bricks.leaf_size}")
        rank, S = weights.size.rank, self.STORAGE[self.storage]
        K, L, R = system.leaves, bricks.leaf_size, 2 * rank
        self.partition = partition = make_partition(bricks.coordinates)
        M = max(partition.tiles, 1)

        self._blocks = system.zeros(K * L * L, S)
        self._basis = system.zeros(K * R * L, S)
        self._cores = system.zeros(M * rank**2, S)
        self._y = system.zeros(system.size, wp.float32)
        self._restricted = system.zeros(K * R, wp.float32)
        self._result = system.zeros(M * R, wp.float32)
        strips = (partition.order, partition.row, partition.column, partition.size, partition.column_size)
        self._index = [self._int32(values) for values in strips]
        lists = zip(partition.incidence(partition.row), partition.incidence(partition.column), strict=True)
        flat = [tiles for pair in lists for tiles in pair]
        self._first = self._int32(np.cumsum([0] + [len(tiles) for tiles in flat]))
        self._tile = self._int32(np.concatenate([*flat, [0]]))
        self._kernels = tiling(system.shape, system.krylov_type, S, rank)
        factors, index = (self._blocks, self._basis, self._cores), (self._index, [self._first, self._tile])
        self._network = PaperNetwork(system, partition, weights, S, *factors, *index)

    @staticmethod
    def shipped(dimension: int, cells: int) -> Path:
        """The shipped weights nearest to a number of cells.

        Raises:
            ValueError: there are none for this dimension.
        """
        if dimension != 2:
            raise ValueError(f"htp_paper has weights for 2D grids only, this one is {dimension}D: give a file")
        names = [
            file.stem.removeprefix("htp_paper_") for file in weight_files.shipped("").glob("htp_paper_*.safetensors")
        ]
        sizes = sorted(int(name) for name in names if name.isdigit())
        if not sizes:
            raise ValueError("htp_paper: no weights are installed; give a file")
        return weight_files.shipped(f"htp_paper_{min(sizes, key=lambda n: abs(np.log(n / cells)))}.safetensors")

    def update(self) -> None:
        self._network.update()

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system, kernels = self.system, self._kernels
        inputs = [self._blocks, self._basis, r, self._y, self._restricted]
        launch(kernels.leaves, system.leaves, inputs, system.device)
        if self.partition.tiles:
            inputs = [*self._index, self._cores, self._restricted, self._result]
            launch(kernels.cores, self.partition.tiles, inputs, system.device)
        inputs = [system.slots, system.leaves, self._first, self._tile, self._basis, self._result, self._y, r, z, rz]
        launch(kernels.prolong, system.slots, inputs, system.device)

    def _int32(self, values: np.ndarray) -> wp.array:
        return wp.array(np.ascontiguousarray(values, dtype=np.int32), dtype=wp.int32, device=self.system.device)
