"""Bricks of leaves, bricks of those, and so on: the lattices that the upper levels of a nested coarse space live on."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bricks import Bricks, color_nodes, folded


@dataclass(frozen=True)
class NodeBricks:
    """Bricks of ``size`` nodes of a lower lattice, partial at the ends of axes. The nodes of ``Bricks`` are its leaves.

    Attributes:
        cells: cells of a brick per axis, 3 entries, times ``bricks.weakness``.
        counts, coordinates, neighbor, side: as in ``Bricks``, for these bricks.
        extent, local: nodes of a brick per axis, and [size, 3] where in the brick each position is.
        members: [bricks, size] int32, node at each position, -1 for none. The longest axis is slowest.
        inside: [size, directions] int32, position of the neighbour in the same brick, -1 if it lies outside.
    """

    cells: tuple[float, ...]
    counts: tuple[int, ...]
    coordinates: np.ndarray
    neighbor: np.ndarray
    side: np.ndarray
    extent: tuple[int, int, int]
    local: np.ndarray
    members: np.ndarray
    inside: np.ndarray

    @property
    def leaves(self) -> int:
        return len(self.members)

    @property
    def size(self) -> int:
        return int(self.members.shape[1])

    @property
    def directions(self) -> int:
        return int(self.neighbor.shape[1])

    @functools.cached_property
    def places(self) -> np.ndarray:
        """[nodes] int32: brick * size + position of each node."""
        flat = self.members.ravel()
        places = np.empty(np.count_nonzero(flat >= 0), dtype=np.int32)
        places[flat[flat >= 0]] = np.flatnonzero(flat >= 0)
        return places

    @functools.cached_property
    def reach(self) -> int:
        """Largest distance between the positions of neighbours inside a brick."""
        positions = np.arange(self.size)[:, None]
        return int(np.where(self.inside >= 0, abs(self.inside - positions), 0).max())

    @functools.cached_property
    def leaf_reach(self) -> int:
        return int(np.abs(self.neighbor - np.arange(self.leaves)[:, None]).max())

    @functools.cached_property
    def colors(self) -> tuple[np.ndarray, ...]:
        return color_nodes(self.coordinates, self.neighbor)


def group_nodes(lower: Bricks | NodeBricks, size: int, cells: Sequence[float], periodic: Sequence[bool]) -> NodeBricks:
    """Groups the nodes of ``lower``, of ``cells`` cells per axis, into bricks of ``size`` nodes, a power of two."""
    directions, counts = lower.directions, lower.counts
    extent = _extent(size, cells, counts, range(3 - directions // 2, 3))
    upper = tuple(-(-n // e) for n, e in zip(counts, extent, strict=True))
    orders = [folded(n) if wraps else np.arange(n) for n, wraps in zip(upper, periodic, strict=True)]
    coordinates = _lexicographic(orders, sorted(range(3), key=lambda a: -upper[a]))
    number = np.empty(upper, dtype=np.int64)
    number[tuple(coordinates.T)] = np.arange(len(coordinates))

    local = _lexicographic([np.arange(e) for e in extent], sorted(range(3), key=lambda a: -extent[a]))
    position = np.empty(extent, dtype=np.int64)
    position[tuple(local.T)] = np.arange(size)

    members = np.full((len(coordinates), size), -1, dtype=np.int32)
    brick = number[tuple((lower.coordinates // extent).T)]
    members[brick, position[tuple((lower.coordinates % extent).T)]] = np.arange(lower.leaves)

    inside = np.full((size, directions), -1, dtype=np.int32)
    neighbor = np.tile(np.arange(len(coordinates), dtype=np.int32)[:, None], directions)
    side = np.zeros_like(neighbor)
    for direction in range(directions):
        axis, step = 2 - direction // 2, 2 * (direction % 2) - 1
        moved, within = _moved(local, axis, step, extent)
        inside[within, direction] = position[tuple(moved[within].T)]
        moved, within = _moved(coordinates, axis, step, upper)
        if periodic[axis]:
            moved[:, axis] %= upper[axis]
            within[:] = True
        neighbor[within, direction] = number[tuple(moved[within].T)]
        side[~within, direction] = lower.side[:, direction].max()
    return NodeBricks(
        cells=tuple(c * e for c, e in zip(cells, extent, strict=True)),
        counts=upper,
        coordinates=coordinates,
        neighbor=neighbor,
        side=side,
        extent=extent,
        local=local,
        members=members,
        inside=inside,
    )


def _extent(size: int, cells: Sequence[float], counts: Sequence[int], axes: range) -> tuple[int, int, int]:
    """Nodes of a brick per axis: doubles the shortest side, if possible one along which there are more nodes."""
    extent = [1, 1, 1]
    while math.prod(extent) < size:
        axis = min(axes, key=lambda a: (extent[a] >= counts[a], cells[a] * extent[a]))
        extent[axis] *= 2
    x, y, z = extent
    return x, y, z


def _lexicographic(axis_orders: list[np.ndarray], slowest_first: list[int]) -> np.ndarray:
    mesh = np.meshgrid(*[axis_orders[a] for a in slowest_first], indexing="ij")
    coordinates = np.empty((mesh[0].size, 3), dtype=np.int64)
    for axis, component in zip(slowest_first, mesh, strict=True):
        coordinates[:, axis] = component.ravel()
    return coordinates


def _moved(coordinates: np.ndarray, axis: int, step: int, limits: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    moved = coordinates.copy()
    moved[:, axis] += step
    return moved, (moved[:, axis] >= 0) & (moved[:, axis] < limits[axis])
