"""The null space of a singular problem, as a coarse space sees it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import warp as wp

from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.building import launch
from hpsolver.node_bricks import NodeBricks
from hpsolver.regions import components, face_pairs
from hpsolver.system import System

from .pieces import share


@dataclass(frozen=True)
class Constants:
    """Which functions of a coarse space with R functions a node are constants of pieces of fluid. On the host.

    The first functions of a node are the constants of its pieces, or constants that several pieces share (``pieces``).
    A constant of ``cells`` cells has the coefficient sqrt(cells) in the constant of the whole fluid.

    Attributes:
        unknown, cells: [constants] the number of each constant, node * R + function, ascending; its cells.
        region: [constants] the singular region that each constant belongs to, -1 for none. A region counts only if its
            constant is in the coarse space: regions whose pieces share functions count as one, or not at all if any of
            them has an open side.
        link: [2, ..] pairs of constants, by place in ``unknown``, that faces of the grid join.
    """

    R: int
    unknown: np.ndarray
    cells: np.ndarray
    region: np.ndarray
    link: np.ndarray

    @property
    def regions(self) -> int:
        return int(self.region.max(initial=-1)) + 1

    @classmethod
    def of_leaves(cls, system: System, R: int) -> tuple[np.ndarray, Constants]:
        """[N] the function of each cell, 1 to R, and the constants of each leaf's pieces of fluid (``System.pieces``).

        Solid cells and pockets (``regions.pinned_cells``) have no function, 0: a leaf solves its pockets exactly.
        """
        bricks, grid, label = system.bricks, system.grid, system.region_label
        counts = system.pieces > 0
        leaf = np.arange(system.size) // bricks.leaf_size
        names, piece, cells = np.unique(
            leaf[counts] * bricks.leaf_size + system.pieces[counts] - 1, return_inverse=True, return_counts=True
        )
        region = np.empty(len(names), dtype=np.int64)
        region[piece] = label[counts]
        places = np.zeros(system.size, dtype=np.int64)
        places[counts] = piece
        on_grid = bricks.from_bricks(places, grid.shape), bricks.from_bricks(counts, grid.shape)
        faces = [face_pairs(*on_grid, axis, grid.periodic(axis)) for axis in range(grid.dimension)]
        link = _distinct(np.stack([np.concatenate(ends) for ends in zip(*faces, strict=True)]))
        number, constants = cls._of_pieces(names // bricks.leaf_size, cells, region, link, R)
        function = np.zeros(system.size, dtype=np.int64)
        function[counts] = number[piece] + 1
        return function, constants

    def without_regions(self) -> Constants:
        """The constants of moving fluid: its singular regions are found on the device."""
        return dataclasses.replace(self, region=np.full_like(self.region, -1))

    def merged(self, lattice: NodeBricks, R: int) -> tuple[np.ndarray, Constants]:
        """The constants that are connected inside a brick of ``lattice`` become one: [constants] its function in the
        brick, 1 to R; and the bricks' constants."""
        brick = lattice.places[self.unknown // self.R] // lattice.size
        inside = brick[self.link[0]] == brick[self.link[1]]
        root = components(len(brick), [(self.link[0, inside], self.link[1, inside])])
        roots = np.unique(root)
        roots = roots[np.argsort(brick[roots], kind="stable")]
        place = np.empty(len(brick), dtype=np.int64)
        place[roots] = np.arange(len(roots))
        piece = place[root]
        cells = np.bincount(piece, weights=self.cells, minlength=len(roots)).astype(np.int64)
        number, constants = self._of_pieces(brick[roots], cells, self.region[roots], _distinct(piece[self.link]), R)
        return number[piece] + 1, constants

    @classmethod
    def _of_pieces(
        cls, node: np.ndarray, cells: np.ndarray, region: np.ndarray, link: np.ndarray, R: int
    ) -> tuple[np.ndarray, Constants]:
        """[pieces] the function of each piece in its node, 0 to R - 1; and the constants."""
        number = share(node, cells, link, R)
        unknown, first, place = np.unique(node * R + number, return_index=True, return_inverse=True)
        sizes = np.bincount(place, weights=cells, minlength=len(unknown)).astype(np.int64)
        open_first = region + 1  # 0: an open side; regions that share a function with 0 join it
        joined = components(int(open_first.max(initial=0)) + 1, [(open_first[first][place], open_first)])
        _, label = np.unique(np.append(joined[open_first], 0), return_inverse=True)
        return number, cls(R, unknown, sizes, label[:-1][first] - 1, _distinct(place[link]))

    def alone(self, brick: np.ndarray) -> np.ndarray:
        """[regions] int32: 1 where a singular region lies inside one brick; ``brick`` [constants]: brick of each."""
        member = self.region >= 0
        lowest, highest = np.full(self.regions, len(brick)), np.full(self.regions, -1)
        np.minimum.at(lowest, self.region[member], brick[member])
        np.maximum.at(highest, self.region[member], brick[member])
        alone: np.ndarray = (lowest == highest).astype(np.int32)
        return alone


def _distinct(link: np.ndarray) -> np.ndarray:
    """[2, ..] the links whose two ends differ, each once."""
    low, high = np.sort(link[:, link[0] != link[1]], axis=0).astype(np.int64)
    span = int(high.max(initial=0)) + 1
    return np.stack(np.divmod(np.unique(low * span + high), span))


class RegionConstants:
    """Where a coarse space fixes the level of each singular region, which A leaves free. On the device.

    Attributes:
        count: how many regions there are.
        pins: [regions] int32, an unknown of each region, chosen by ``choose_pins``.
        pinned: [unknowns] uint8, 1 at the pins of regions inside one brick of ``lattice``, if that is given.
    """

    def __init__(self, system: System, host: Constants, nodes: int, lattice: NodeBricks | None = None):
        self._system, self.count = system, host.regions
        alone = np.zeros(self.count, dtype=np.int32)
        if lattice is not None:
            alone = host.alone(lattice.places[host.unknown // host.R] // lattice.size)
        by_region = np.argsort(host.region, kind="stable")[np.count_nonzero(host.region < 0) :]
        first = np.searchsorted(host.region[by_region], np.arange(self.count + 1))
        self.pins = system.zeros(max(self.count, 1), wp.int32)
        self.pinned = system.zeros(nodes * host.R, wp.uint8)
        as_int = {"dtype": wp.int32, "device": system.device}
        self._alone, self._first = wp.array(alone, **as_int), wp.array(first, **as_int)
        self._unknowns = wp.array(host.unknown[by_region], **as_int)

    def choose_pins(self, scale: wp.array) -> None:
        """Records: ``pins`` and ``pinned``, the unknown of largest ``scale`` [unknowns] in each region."""
        if self.count:
            inputs = [self._first, self._unknowns, self._alone, scale, self.pins, self.pinned]
            launch(kernels.choose_pins, self.count, inputs, self._system.device)
