"""Where tiles (``partition``) take their tokens from and put them: strips of leaves as index lists on the device."""

from __future__ import annotations

import numpy as np
import torch

from .attention import REACH
from .partition import Partition
from .poisson import Lattice, Operator


class TileMap:
    """The partition's strips as tensors, for tiles of T = L / pool tokens; slot t of a tile stands for ``pool``
    consecutive cells of every leaf of its strips.

    Attributes:
        row_mean, column_mean: [M, K] weights 1 / S that average a strip's leaves.
        row_tiles, column_tiles: [K, most] tiles of each leaf, filled up with M.
    """

    def __init__(self, lattice: Lattice, partition: Partition, pool: int):
        self.pool, self.tokens = pool, lattice.leaf_size // pool
        self.tiles, self.leaves = partition.tiles, partition.leaves
        self._device = lattice.device
        self.row_mean, self.column_mean = (self._mean(partition, s) for s in (partition.row, partition.column))
        self.row_tiles, self.column_tiles = (self._lists(partition, s) for s in (partition.row, partition.column))
        self._displacement = self._displacements(lattice, partition)
        self._source, self._target, self._weight = self._couplings(lattice, partition)

    def pooled(self, cells: torch.Tensor) -> torch.Tensor:
        """[B, K, T, d] means of ``pool`` consecutive slots of [B, K, L, d]."""
        return cells.unflatten(2, (self.tokens, self.pool)).mean(dim=3)

    def read(self, row: torch.Tensor, column: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Strip means [B, M, T, d] of leaf buffers [B, K, T, d]."""
        return (
            torch.einsum("mk,bktd->bmtd", self.row_mean.to(row.dtype), row),
            torch.einsum("mk,bktd->bmtd", self.column_mean.to(column.dtype), column),
        )

    def gather(self, tiles: torch.Tensor, lists: torch.Tensor) -> torch.Tensor:
        """[B, K, T, d] sums over each leaf's tiles of tile tokens [B, M, T, d], in the order of ``lists``."""
        padded = torch.cat([tiles, torch.zeros_like(tiles[:, :1])], dim=1)
        return padded[:, lists].sum(dim=2)

    def edges(self, operator: Operator) -> torch.Tensor:
        """[B, M, T, T, 4] edge features: mean displacement from row to column slots, and the mean of A's entries
        between them, over ``pool`` x ``pool`` cells and the strips' leaves."""
        B, M, T = operator.frames, self.tiles, self.tokens
        flat = operator.conductance.flatten(1)
        entries = torch.zeros(B, M * T * T, device=flat.device)
        entries[:, self._target] = -(flat[:, self._source] * self._weight).sum(dim=-1)
        displacement = self._displacement.expand(B, M, T, T, 3)
        return torch.cat([displacement, entries.view(B, M, T, T, 1)], dim=-1)

    def _mean(self, partition: Partition, start: np.ndarray) -> torch.Tensor:
        weights = torch.zeros(partition.tiles, partition.leaves, device=self._device)
        for tile, leaves in enumerate(partition.members(start)):
            weights[tile, torch.as_tensor(leaves)] = 1.0 / len(leaves)
        return weights

    def _lists(self, partition: Partition, start: np.ndarray) -> torch.Tensor:
        lists = partition.incidence(start)
        most = max(map(len, lists), default=0)
        table = np.full((partition.leaves, most), partition.tiles, dtype=np.int64)
        for leaf, tiles in enumerate(lists):
            table[leaf, : len(tiles)] = tiles
        return torch.as_tensor(table, device=self._device)

    def _displacements(self, lattice: Lattice, partition: Partition) -> torch.Tensor:
        """[M, T, T, 3] mean displacements from row to column slots, in units of REACH cells."""
        origin = torch.as_tensor(lattice.bricks.coordinates * np.array(lattice.bricks.extent), dtype=torch.float32)
        origin = origin.to(self._device)
        between = self.column_mean @ origin - self.row_mean @ origin  # [M, 3]
        T, pool = self.tokens, self.pool
        local = lattice.offset.view(T, pool, T, pool, 3).mean(dim=(1, 3))
        return (local + between[:, None, None, :]) / REACH

    def _couplings(self, lattice: Lattice, partition: Partition) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """``Partition.couplings`` as tensors."""
        found = partition.couplings(lattice.across.cpu().numpy(), lattice.leaf_size, self.pool)
        return tuple(torch.as_tensor(values, device=self._device) for values in found)
