"""Who owns what: the grid is cut into slabs of whole layers of bricks, one per rank."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from hpsolver.bricks import INTERIOR, Bricks
from hpsolver.grid import Grid


@dataclass(frozen=True)
class Border:
    """What two ranks send each other: the leaves on either side of the cut, and their cells next to it, by number.

    Attributes:
        leaves, cells: ours, which the other rank reads.
        their_leaves, their_cells: those of the other rank, which we read.
    """

    leaves: np.ndarray
    cells: np.ndarray
    their_leaves: np.ndarray
    their_cells: np.ndarray


@dataclass(frozen=True)
class Slabs:
    """The slabs of ``ranks`` ranks, across the axis along which bricks are numbered slowest, as even as whole layers
    allow.

    Raises:
        ValueError: there are fewer layers than ranks.
    """

    grid: Grid
    bricks: Bricks
    rank: int
    ranks: int

    def __post_init__(self) -> None:
        if self.layers < self.ranks:
            raise ValueError(
                f"{self.ranks} ranks cannot share a grid of {self.grid.shape}: it has {self.layers} layers of bricks "
                f"of {self.bricks.extent[self.axis]} cells along the axis that is cut, number "
                f"{self.axis - (3 - self.grid.dimension)}; allowed: 1 to {self.layers}"
            )

    @property
    def axis(self) -> int:
        """The axis, of three, that is cut: the one along which brick numbers rise slowest."""
        return self.bricks.slowest

    @property
    def layers(self) -> int:
        return self.bricks.counts[self.axis]

    @functools.cached_property
    def first_layer(self) -> np.ndarray:
        """[ranks + 1] first layer of each slab, and the end of the last."""
        return np.arange(self.ranks + 1) * self.layers // self.ranks

    @functools.cached_property
    def owner(self) -> np.ndarray:
        """[leaves] rank of each leaf."""
        layer = self.bricks.coordinates[:, self.axis]
        owner: np.ndarray = np.searchsorted(self.first_layer, layer, side="right") - 1
        return owner.astype(np.int32)

    def leaves(self, rank: int) -> np.ndarray:
        """Numbers of a rank's leaves, ascending."""
        return np.flatnonzero(self.owner == rank)

    @property
    def owned(self) -> tuple[slice, ...]:
        """Our part of the grid, by its axes."""
        return self.part(self.rank)

    def part(self, rank: int) -> tuple[slice, ...]:
        """A rank's part of the grid, by its axes."""
        axis, extent = self.axis - (3 - self.grid.dimension), self.bricks.extent[self.axis]
        begin, end = (int(layer) * extent for layer in self.first_layer[rank : rank + 2])
        whole = [slice(0, n) for n in self.grid.shape]
        whole[axis] = slice(begin, min(end, self.grid.shape[axis]))
        return tuple(whole)

    @functools.cached_property
    def borders(self) -> dict[int, Border]:
        """Our borders, by the rank on the other side."""
        bricks, owner = self.bricks, self.owner
        crosses = (bricks.side == INTERIOR) & (owner[bricks.neighbor] != owner[:, None])
        ours = crosses & (owner == self.rank)[:, None]
        leaf, direction = np.nonzero(ours)
        across = bricks.neighbor[leaf, direction]
        borders = {}
        for other in np.unique(owner[across]):
            here = owner[across] == other
            borders[int(other)] = Border(
                np.unique(leaf[here]),
                self._faces(leaf[here], direction[here]),
                np.unique(across[here]),
                self._faces(across[here], direction[here] ^ 1),
            )
        return borders

    def _faces(self, leaves: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Numbers of the cells on side ``directions[k]`` of leaf ``leaves[k]``, for all k."""
        bricks = self.bricks
        local = np.stack(np.unravel_index(np.arange(bricks.leaf_size), bricks.extent), axis=-1)
        axes = 2 - directions // 2
        place = np.where(directions % 2 == 1, bricks.used[leaves, axes] - 1, 0)
        on_face = local[:, axes].T == place[:, None]
        which, cell = np.nonzero(on_face)
        return np.unique(leaves[which] * bricks.leaf_size + cell)
