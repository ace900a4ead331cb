"""The hierarchical matrix behind the transformer: which tile of M couples which leaves (arXiv 2605.13343).

Leaves are taken in Morton order of their bricks and cut into aligned strips of S = 1, 2, 4, ... leaves. A tile couples
two strips of equal S. Admissibility is weak and depends on the distance in the order alone: strips of S > 1 starting at
leaves r and c make a tile when S <= eta (|r - c| - S). Tiles are as large as possible; what none of them covers is
coupled leaf by leaf, S = 1. M is symmetric, so only tiles with r <= c are listed; the diagonal leaves are not tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Partition:
    """Tiles of an H-matrix over K leaves.

    Attributes:
        order: [K] leaf at each place of the Morton order.
        row, column: [tiles] first place of each tile's strips.
        size: [tiles] leaves of the row strip, a power of two.
        column_size: [tiles] leaves of the column strip: ``size``, or fewer where the order ends.
    """

    order: np.ndarray
    row: np.ndarray
    column: np.ndarray
    size: np.ndarray

    @property
    def column_size(self) -> np.ndarray:
        return np.minimum(self.size, len(self.order) - self.column)

    @property
    def leaves(self) -> int:
        return len(self.order)

    @property
    def tiles(self) -> int:
        return len(self.row)

    def members(self, start: np.ndarray) -> list[np.ndarray]:
        """Leaves of each tile's strip; ``start`` is ``row`` or ``column``."""
        return [self.order[s : s + n] for s, n in zip(start, self.size, strict=True)]

    def incidence(self, start: np.ndarray) -> list[np.ndarray]:
        """Tiles that each leaf belongs to, by ``row`` or by ``column``; ascending."""
        tiles: list[list[int]] = [[] for _ in range(self.leaves)]
        for tile, leaves in enumerate(self.members(start)):
            for leaf in leaves:
                tiles[leaf].append(tile)
        return [np.array(t, dtype=np.int64) for t in tiles]

    def couplings(self, across: np.ndarray, leaf_size: int, pool: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Conductances that cross from a row leaf to a column leaf, for each entry of [tiles, T, T] that has some, in
        slots of ``pool`` cells: their numbers in [directions, K, L], [entries, most]; the entry's number, [entries];
        their weights in its mean, fp32 [entries, most], filled up with 0.

        Args:
            across: [directions, K * L] number of the cell across each side.
        """
        K, L, T = self.leaves, leaf_size, leaf_size // pool
        tile_of = np.full((K, K), -1, dtype=np.int64)
        for tile, (rows, columns) in enumerate(zip(self.members(self.row), self.members(self.column), strict=True)):
            tile_of[np.ix_(rows, columns)] = tile
        cell = np.arange(K * L)
        sources, targets, weights = [], [], []
        for d, other in enumerate(across):
            tile = tile_of[cell // L, other // L]
            here = np.flatnonzero((cell // L != other // L) & (tile >= 0))
            i, j = here % L // pool, other[here] % L // pool
            sources.append(d * K * L + here)
            targets.append((tile[here] * T + i) * T + j)
            weights.append(1.0 / (pool * pool * self.column_size[tile[here]].astype(np.float64)))
        source, target, weight = (np.concatenate(parts) for parts in (sources, targets, weights))
        order = np.argsort(target, kind="stable")
        entries, first, number = np.unique(target[order], return_index=True, return_counts=True)
        row = np.repeat(np.arange(len(entries)), number)
        column = np.arange(len(order)) - first[row]
        table, shares = (np.zeros((len(entries), number.max(initial=0)), kind) for kind in (np.int64, np.float32))
        table[row, column], shares[row, column] = source[order], weight[order]
        return table, entries, shares


def make_partition(coordinates: np.ndarray, eta: float = 1.0) -> Partition:
    """Tiles for leaves at integer brick coordinates [K, axes] (``Bricks.coordinates``)."""
    order = morton_order(coordinates)
    row, column, size = _tiles(len(order), eta)
    return Partition(order, row, column, size)


def morton_order(coordinates: np.ndarray) -> np.ndarray:
    """[K] leaves sorted by the interleaved bits of their coordinates, the last axis in the lowest bit."""
    axes = np.asarray(coordinates, dtype=np.int64).T[::-1]
    code = np.zeros(axes.shape[1], dtype=np.int64)
    for bit in range(20):
        for axis, values in enumerate(axes):
            code |= ((values >> bit) & 1) << (bit * len(axes) + axis)
    return np.argsort(code, kind="stable")


def _tiles(K: int, eta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, column, size) of the off-diagonal tiles in the upper triangle, largest first, then by row."""
    covered = np.eye(K, dtype=bool)
    tiles = []
    S = 1
    while 2 * S < K:
        S *= 2
    while S >= 1:
        for r in range(0, K, S):
            for c in range(r + S, K, S):
                if (S == 1 or S <= eta * (c - r - S)) and not covered[r, c]:
                    covered[r : r + S, c : c + S] = True
                    tiles.append((r, c, S))
        S //= 2
    return tuple(np.array(tiles, dtype=np.int64).reshape(-1, 3).T)
