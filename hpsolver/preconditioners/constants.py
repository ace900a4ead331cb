"""The null space of a singular problem, as a coarse space sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp

from hpsolver.kernels import coarse as kernels
from hpsolver.kernels.building import launch
from hpsolver.node_bricks import NodeBricks
from hpsolver.regions import components, face_pairs
from hpsolver.system import System


@dataclass(frozen=True)
class Constants:
    """Which functions of a coarse space, R a node, are constants of connected pieces of fluid. On the host.

    Function k - 1 of a node is the constant of its piece k; a node with more than R pieces lumps the last ones. With
    ``cells`` cells it has the coefficient sqrt(cells) in the constant of the whole fluid.

    Attributes:
        unknown, cells: [constants] their numbers, node * R + k - 1, ascending, and sizes.
        region, member: [..] pairs of a singular region and a constant in it, by region.
        link: [2, ..] constants, by place in ``unknown``, that faces of the grid join.
    """

    R: int
    unknown: np.ndarray
    cells: np.ndarray
    region: np.ndarray
    member: np.ndarray
    link: np.ndarray

    @classmethod
    def of_leaves(cls, system: System, R: int) -> Constants:
        """Of the pieces of fluid in each leaf, ``System.pieces``."""
        bricks, grid = system.bricks, system.grid
        piece = np.minimum(system.pieces.astype(np.int64), R)
        fluid = piece > 0
        number = np.arange(system.size) // bricks.leaf_size * R + piece - 1
        unknown, place, cells = np.unique(number[fluid], return_inverse=True, return_counts=True)
        places = np.zeros(system.size, dtype=np.int64)
        places[fluid] = place
        region, member = _pairs(system.region_label, places, system.region_label >= 0)
        on_grid = bricks.from_bricks(places, grid.shape), bricks.from_bricks(fluid, grid.shape)
        faces = [face_pairs(*on_grid, axis, grid.periodic(axis)) for axis in range(grid.dimension)]
        link = np.stack([np.concatenate(ends) for ends in zip(*faces, strict=True)])
        return cls(R, unknown, cells, region, member, _distinct(link))

    def merged(self, lattice: NodeBricks, R: int) -> tuple[np.ndarray, Constants]:
        """Of what is connected inside each brick: [constants] the piece, 1 to R, of each one here; the bricks' own."""
        brick = lattice.places[self.unknown // self.R] // lattice.size
        inside = brick[self.link[0]] == brick[self.link[1]]
        root = components(len(brick), [(self.link[0, inside], self.link[1, inside])])
        roots = np.unique(root)
        order = roots[np.argsort(brick[roots], kind="stable")]
        rank = np.arange(len(order)) - np.searchsorted(brick[order], brick[order])
        piece = np.empty(len(brick), dtype=np.int64)
        piece[order] = np.minimum(rank, R - 1) + 1
        piece = piece[root]
        unknown, place = np.unique(brick * R + piece - 1, return_inverse=True)
        cells = np.bincount(place, weights=self.cells).astype(np.int64)
        region, member = _pairs(self.region, place[self.member], slice(None))
        return piece, Constants(R, unknown, cells, region, member, _distinct(place[self.link]))

    def alone(self, brick: np.ndarray, regions: int) -> np.ndarray:
        """[regions] int32: 1 where a singular region lies inside a single brick; ``brick`` [constants] of each one."""
        lowest, highest = np.full(regions, len(brick)), np.full(regions, -1)
        np.minimum.at(lowest, self.region, brick[self.member])
        np.maximum.at(highest, self.region, brick[self.member])
        alone: np.ndarray = (lowest == highest).astype(np.int32)
        return alone


def _pairs(label: np.ndarray, place: np.ndarray, where: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs of a label and a place, by label."""
    label, place = label[where].astype(np.int64), place[where]
    span = int(place.max(initial=0)) + 1
    return np.divmod(np.unique(label * span + place), span)


def _distinct(link: np.ndarray) -> np.ndarray:
    """[2, ..] the links of two different ends, once each."""
    low, high = np.sort(link[:, link[0] != link[1]], axis=0)
    return np.stack(_pairs(low, high, slice(None)))


class RegionConstants:
    """The constants of a coarse space on the device, and where to fix the level of each singular region.

    Attributes:
        host: the constants.
        pieces: [N] uint8, ``System.pieces`` on the device.
        count: [leaves] int32, constants of each leaf, 1 to R.
        pins: [regions] int32, an unknown of each singular region, chosen by ``choose_pins``.
        pinned: [unknowns] uint8, 1 at the pins of regions inside one brick of ``lattice``, if there is one.
    """

    def __init__(self, system: System, host: Constants, nodes: int, lattice: NodeBricks | None = None):
        self.host = host
        self._system = system
        device, regions = system.device, system.regions.count
        alone = np.zeros(regions, dtype=np.int32)
        if lattice is not None:
            alone = host.alone(lattice.places[host.unknown // host.R] // lattice.size, regions)
        first = np.searchsorted(host.region, np.arange(regions + 1))
        self.pins = system.zeros(max(regions, 1), wp.int32)
        self.pinned = system.zeros(nodes * host.R, wp.uint8)
        self._alone = wp.array(alone, dtype=wp.int32, device=device)
        self._first = wp.array(first, dtype=wp.int32, device=device)
        self._unknowns = wp.array(host.unknown[host.member], dtype=wp.int32, device=device)

    def choose_pins(self, scale: wp.array) -> None:
        """Records: ``pins`` and ``pinned``, by the size ``scale`` [unknowns] of the unknowns."""
        regions = self._system.regions.count
        if regions:
            inputs = [self._first, self._unknowns, self._alone, scale, self.pins, self.pinned]
            launch(kernels.choose_pins, regions, inputs, self._system.device)
