"""Brick order: how the cells of a grid are numbered on the device.

The grid is cut into equal bricks, one *leaf* each: 16x8 cells in 2D and 8x4x4 in 3D for leaves of 128 (8x8 and 4x4x4
for leaves of 64). A leaf's cells are contiguous, so a leaf is a dense block of every vector and matrix. If the
preconditioner has no use for leaves, longer rows are faster on a CPU: 8x16 and 4x4x8. If cells are flat, leaves may
have more cells along the short sides, 64x2 for instance, since the coupling is strong there. Bricks at the end of an
axis may be partial; the missing cells are padding: rows of the identity that no other row refers to.

Axes are counted as the kernels see them: always three; a 2D grid is a 3D one with a first axis of size 1. Directions
are numbered 0..5 as (last axis -, +), (middle -, +), (first -, +); a 2D grid uses the first four, and ``d ^ 1`` is
the opposite of ``d``.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np

from .grid import Grid

EXTENTS = {(2, 128): (1, 16, 8), (2, 64): (1, 8, 8), (3, 128): (8, 4, 4), (3, 64): (4, 4, 4)}
LEAF_SIZES = (64, 128)
FLAT = 1.5
"""Cells are flat if one spacing is more than this times another."""
ROWS = {2: (1, 8, 16), 3: (4, 4, 8)}

INTERIOR, WALL, OPEN = 0, 1, 2


@dataclass(frozen=True)
class Bricks:
    """The brick order of one grid, on the host.

    Attributes:
        extent: cells of a brick per axis, 3 entries.
        counts: bricks per axis, 3 entries.
        coordinates: [leaves, 3] brick coordinates of each leaf.
        neighbor: [leaves, directions] int32, the leaf across each side; the leaf itself where there is none.
        side: [leaves, directions] int32, INTERIOR, WALL or OPEN.
        used: [leaves, 3] int32, cells of the brick that exist, per axis (less than ``extent`` at the end of an axis).
        cell: [leaves * leaf_size] int32, row-major number of the grid's cell, -1 for padding.
        slowest: the axis, of three, along which leaf numbers rise slowest; they go layer by layer across it.
    """

    dimension: int
    extent: tuple[int, int, int]
    counts: tuple[int, int, int]
    coordinates: np.ndarray
    neighbor: np.ndarray
    side: np.ndarray
    used: np.ndarray
    cell: np.ndarray
    slowest: int

    @property
    def leaf_size(self) -> int:
        return self.extent[0] * self.extent[1] * self.extent[2]

    @property
    def leaves(self) -> int:
        return len(self.coordinates)

    @property
    def size(self) -> int:
        return self.leaves * self.leaf_size

    @property
    def directions(self) -> int:
        return 2 * self.dimension

    @property
    def halfwidth(self) -> int:
        """Half-bandwidth of a leaf's matrix in brick order: the stride of its slowest axis of more than one cell."""
        x, y, z = self.extent
        return y * z if x > 1 else z if y > 1 else 1

    @property
    def face_size(self) -> int:
        """Cells of a leaf's largest face."""
        return self.leaf_size // min(self.extent[3 - self.dimension :])

    @functools.cached_property
    def leaf_reach(self) -> int:
        """Largest distance, in leaf numbers, between neighbouring leaves: the bandwidth of the leaf graph."""
        return int(np.abs(self.neighbor - np.arange(self.leaves)[:, None]).max())

    def to_bricks(self, field: np.ndarray, padding: float = 0.0) -> np.ndarray:
        """A [grid shape] array in brick order, [leaves * leaf_size]."""
        flat = np.append(np.asarray(field).ravel(), np.asarray(padding, dtype=np.asarray(field).dtype))
        ordered: np.ndarray = flat[self.cell]
        return ordered

    def from_bricks(self, vector: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The inverse of ``to_bricks``."""
        real = self.cell >= 0
        field = np.empty(int(np.prod(shape)), dtype=vector.dtype)
        field[self.cell[real]] = vector[real]
        return field.reshape(shape)

    @functools.cached_property
    def number(self) -> np.ndarray:
        """[cells] int32, number in brick order of each cell of the grid (row-major): the inverse of ``cell``."""
        real = np.flatnonzero(self.cell >= 0)
        number = np.empty(len(real), dtype=np.int32)
        number[self.cell[real]] = real
        return number

    def across(self, outside: int | None = None) -> np.ndarray:
        """[directions, N] number, in brick order, of the cell across each face. At walls and open sides it is
        ``outside``, or meaningless if that is None."""
        local = np.stack(np.unravel_index(np.arange(self.leaf_size), self.extent), axis=-1)
        leaf = np.repeat(np.arange(self.leaves), self.leaf_size)
        position = np.tile(local, (self.leaves, 1))
        result = np.empty((self.directions, self.size), dtype=np.int64)
        for direction in range(self.directions):
            axis, forward = 2 - direction // 2, direction % 2 == 1
            moved = position.copy()
            leaves = self.neighbor[leaf, direction]
            if forward:
                leaving = moved[:, axis] + 1 >= self.used[leaf, axis]
                moved[:, axis] = np.where(leaving, 0, moved[:, axis] + 1)
            else:
                leaving = moved[:, axis] == 0
                moved[:, axis] = np.where(leaving, self.used[leaves, axis] - 1, moved[:, axis] - 1)
            target = np.where(leaving, leaves, leaf)
            result[direction] = target * self.leaf_size + np.ravel_multi_index(moved.T, self.extent)
            if outside is not None:
                result[direction, leaving & (self.side[leaf, direction] != INTERIOR)] = outside
        return result

    @functools.cached_property
    def colors(self) -> tuple[np.ndarray, ...]:
        """Leaves by colour; no two neighbours have the same. A checkerboard, with a third colour where a periodic axis
        has an odd number of bricks. The order is fixed, so results repeat."""
        return color_nodes(self.coordinates, self.neighbor)


def make_bricks(grid: Grid, leaf_size: int | None = 128, shaped: bool = False, slowest: int | None = None) -> Bricks:
    """Cuts ``grid`` into leaves of ``leaf_size`` cells. None means 128, in longer rows unless those need more padding.
    With ``shaped``, leaves of flat cells take the shape that the spacing asks for (``_shaped``).

    Leaves are numbered lexicographically with the axis of most bricks slowest (or ``slowest``), which keeps the coarse
    matrix's band narrow; a periodic axis is folded (0, n-1, 1, n-2, ...) so that its ends are near each other too.
    """
    if leaf_size not in (*LEAF_SIZES, None):
        raise ValueError(f"leaf size must be one of {LEAF_SIZES}, got {leaf_size!r}")
    lead = 3 - grid.dimension
    shape = (1,) * lead + grid.shape
    extent = EXTENTS[grid.dimension, leaf_size or 128]
    if leaf_size is None:
        extent = min(ROWS[grid.dimension], extent, key=lambda e: _cells_with_padding(shape, e))
    elif shaped and max(weak := weakness(grid)) > 1.0:
        extent = _shaped(leaf_size, shape, weak, lead)
    # The face of a periodic axis of one cell joins the cell with itself: no flux, as at a wall.
    walls = ("wall", "wall")
    alone = [n == 1 and "periodic" in pair for n, pair in zip(grid.shape, grid.boundary, strict=True)]
    boundary = (walls,) * lead + tuple(walls if a else pair for a, pair in zip(alone, grid.boundary, strict=True))
    x, y, z = (-(-n // e) for n, e in zip(shape, extent, strict=True))
    counts = (x, y, z)

    periodic = [pair[0] == "periodic" for pair in boundary]
    axis_orders = [folded(n) if wraps else np.arange(n) for n, wraps in zip(counts, periodic, strict=True)]
    axes = sorted(range(3), key=lambda a: (a != slowest, -counts[a], a < lead))
    mesh = np.meshgrid(*[axis_orders[a] for a in axes], indexing="ij")
    coordinates = np.empty((mesh[0].size, 3), dtype=np.int64)
    for axis, component in zip(axes, mesh, strict=True):
        coordinates[:, axis] = component.ravel()

    number = np.empty(counts, dtype=np.int64)
    number[tuple(coordinates.T)] = np.arange(len(coordinates))

    leaves = len(coordinates)
    neighbor = np.empty((leaves, 2 * grid.dimension), dtype=np.int32)
    side = np.zeros_like(neighbor)
    for direction in range(2 * grid.dimension):
        axis, step = 2 - direction // 2, 2 * (direction % 2) - 1
        moved = coordinates.copy()
        moved[:, axis] += step
        outside = (moved[:, axis] < 0) | (moved[:, axis] >= counts[axis])
        moved[:, axis] %= counts[axis]
        across = number[tuple(moved.T)]
        word = boundary[axis][direction % 2]
        neighbor[:, direction] = np.where(outside & (word != "periodic"), np.arange(leaves), across)
        if word != "periodic":
            side[outside, direction] = OPEN if word == "open" else WALL

    used = np.minimum(np.array(extent), np.array(shape) - coordinates * np.array(extent)).astype(np.int32)
    return Bricks(
        dimension=grid.dimension,
        extent=extent,
        counts=counts,
        coordinates=coordinates,
        neighbor=neighbor,
        side=side,
        used=used,
        cell=_cells(shape, extent, coordinates),
        slowest=axes[0],
    )


def weakness(grid: Grid) -> tuple[float, ...]:
    """How many times weaker the coupling along each of three axes is than the strongest: the squared ratio of each
    spacing to the smallest; all 1 if cells are not flat."""
    sizes = grid.typical
    least, flat = min(sizes), max(sizes) > FLAT * min(sizes)
    return (1.0,) * (3 - grid.dimension) + tuple((h / least) ** 2 if flat else 1.0 for h in sizes)


def _shaped(leaf_size: int, shape: tuple[int, ...], weak: tuple[float, ...], lead: int) -> tuple[int, int, int]:
    """Cells of a leaf per axis: from one cell, the axis with the smallest product of cells and weakness is doubled,
    if possible one along which the grid has more cells. On 256x64 cells at an aspect of 100, leaves of 128x1 take 11
    iterations, of 64x2 113, of 16x8 249."""
    extent = [1, 1, 1]
    while math.prod(extent) < leaf_size:
        axis = min(range(lead, 3), key=lambda a: (extent[a] >= shape[a], extent[a] * weak[a]))
        extent[axis] *= 2
    return extent[0], extent[1], extent[2]


def _cells_with_padding(shape: tuple[int, ...], extent: tuple[int, ...]) -> int:
    return math.prod(-(-n // e) * e for n, e in zip(shape, extent, strict=True))


def color_nodes(coordinates: np.ndarray, neighbor: np.ndarray) -> tuple[np.ndarray, ...]:
    """Node numbers by colour, see ``Bricks.colors``; ``coordinates`` [nodes, 3], ``neighbor`` [nodes, directions]."""
    nodes = np.arange(len(coordinates))
    color = coordinates.sum(axis=1) % 2
    if ((color[neighbor] == color[:, None]) & (neighbor != nodes[:, None])).any():
        by_parity = np.argsort(color, kind="stable")
        color[:] = -1
        for node in by_parity:
            taken = {color[n] for n in neighbor[node] if n != node}
            color[node] = next(c for c in itertools.count() if c not in taken)
    return tuple(np.flatnonzero(color == c).astype(np.int32) for c in range(color.max() + 1))


def folded(n: int) -> np.ndarray:
    """0, n-1, 1, n-2, ...: an order for a periodic axis that puts its two ends near each other."""
    order = np.empty(n, dtype=np.int64)
    order[0::2] = np.arange((n + 1) // 2)
    order[1::2] = n - 1 - np.arange(n // 2)
    return order


def _cells(shape: tuple[int, ...], extent: tuple[int, ...], coordinates: np.ndarray) -> np.ndarray:
    local = np.stack(np.meshgrid(*[np.arange(e) for e in extent], indexing="ij"), axis=-1).reshape(-1, 3)
    position = (coordinates * np.array(extent))[:, None, :] + local[None, :, :]
    cell = np.ravel_multi_index(np.moveaxis(np.minimum(position, np.array(shape) - 1), -1, 0), shape)
    return np.where((position < np.array(shape)).all(axis=-1), cell, -1).astype(np.int32).ravel()
