"""Connected fluid regions, found on the host when the solid mask changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpsolver.kernels.regions import CHUNK

from .bricks import INTERIOR, Bricks
from .grid import Grid


@dataclass(frozen=True)
class Regions:
    """The singular fluid regions of a grid: those no open side touches, where the pressure has no fixed level.

    Attributes:
        label: [grid shape] int32, number of the singular region of each cell, -1 for all others.
        count: how many there are.
    """

    label: np.ndarray
    count: int

    def chunks(self, label: np.ndarray) -> dict[str, np.ndarray]:
        """The region lists of ``hpsolver.kernels.regions`` for labels given in brick order, [N]."""
        cells = np.argsort(label, kind="stable")[np.count_nonzero(label < 0) :].astype(np.int32)
        size = np.bincount(label[cells], minlength=self.count)
        per_region = -(-size // CHUNK)
        ends = np.cumsum(size)
        start = np.concatenate(
            [np.arange(end - n, end, CHUNK) for end, n in zip(ends, size, strict=True)] + [ends[-1:]]
        )
        return {
            "region": label.astype(np.int32),
            "cells": cells,
            "start": start.astype(np.int32),
            "first": np.concatenate([[0], np.cumsum(per_region)]).astype(np.int32),
            "size": size.astype(np.float64),
        }


def find_regions(grid: Grid, solid: np.ndarray | None) -> Regions:
    """Labels the fluid cells' connected components and keeps the singular ones.

    Only solid cells separate regions; a periodic axis joins its ends.
    """
    fluid = np.ones(grid.shape, dtype=bool) if solid is None else ~solid
    number = np.arange(grid.cells).reshape(grid.shape)
    pairs = [face_pairs(number, fluid, axis, grid.periodic(axis)) for axis in range(grid.dimension)]
    component = components(grid.cells, pairs).reshape(grid.shape)

    touches_open = np.zeros(grid.cells, dtype=bool)
    for axis, (first, last) in enumerate(grid.boundary):
        for word, end in ((first, 0), (last, -1)):
            if word == "open":
                touches_open[np.take(component, end, axis=axis)] = True
    singular = fluid & ~touches_open[component]
    names, label = np.unique(component[singular], return_inverse=True)
    labels = np.full(grid.shape, -1, dtype=np.int32)
    labels[singular] = label.ravel()
    return Regions(labels, len(names))


def find_pieces(bricks: Bricks, fluid: np.ndarray) -> np.ndarray:
    """[N] uint8 in brick order: 1, 2, ... for the connected pieces of fluid inside each leaf, 0 elsewhere.

    Args:
        fluid: [N] bool, the cells that count.
    """
    if fluid[bricks.cell >= 0].all():
        return fluid.astype(np.uint8)
    boxes = (bricks.leaves, *bricks.extent)
    number = np.arange(bricks.size).reshape(boxes)
    pairs = [face_pairs(number, fluid.reshape(boxes), axis, False) for axis in (1, 2, 3)]
    component = components(bricks.size, pairs)
    first = fluid & (component == number.ravel())  # the first cell of each piece
    piece = np.cumsum(first.reshape(bricks.leaves, -1), axis=1).ravel()
    return np.where(fluid, piece[component], 0).astype(np.uint8)


def pocket_cells(label: np.ndarray, pinned: np.ndarray) -> np.ndarray:
    """[N] bool: the cells of pockets, from ``label`` and from ``pinned``, the result of ``pinned_cells``."""
    pocket: np.ndarray = (label >= 0) & np.isin(label, label[pinned > 0])
    return pocket


def pinned_cells(bricks: Bricks, label: np.ndarray) -> np.ndarray:
    """[N] uint8: the first cell of each *pocket*, a singular region that makes its leaf's matrix singular.

    A pocket lies inside a single leaf and is not linked to itself across a periodic axis: such a link adds to the
    diagonal of the leaf's matrix but not to its other entries, so that matrix is not singular.

    Args:
        label: [N] ``Regions.label`` in brick order.
    """
    pinned = np.zeros(bricks.size, dtype=np.uint8)
    cells = np.flatnonzero(label >= 0)
    leaf = cells // bricks.leaf_size
    names, first = np.unique(label[cells], return_index=True)
    lowest = np.full(len(names), bricks.leaves)
    highest = np.zeros(len(names), dtype=int)
    np.minimum.at(lowest, label[cells], leaf)
    np.maximum.at(highest, label[cells], leaf)
    pinned[cells[first[(lowest == highest) & ~_wrapped(bricks, label, len(names))]]] = 1
    return pinned


def _wrapped(bricks: Bricks, label: np.ndarray, regions: int) -> np.ndarray:
    """[regions] bool: a face of the region joins two cells of one leaf across a periodic axis."""
    itself = (bricks.neighbor == np.arange(bricks.leaves)[:, None]) & (bricks.side == INTERIOR)
    if not itself.any():
        return np.zeros(regions, dtype=bool)
    number, leaf = np.arange(bricks.size), np.arange(bricks.size) // bricks.leaf_size
    strides = np.array([1, bricks.extent[2], bricks.extent[1] * bricks.extent[2]])
    wrapped = np.zeros(regions, dtype=bool)
    for direction, across in enumerate(bricks.across()):
        inside = number + (strides[direction // 2] if direction % 2 else -strides[direction // 2])
        linked = itself[leaf, direction] & (across != inside) & (label >= 0) & (label[across] == label)
        wrapped[label[linked]] = True
    return wrapped


def components(count: int, pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """[count] smallest number in the connected component of each node; ``pairs`` are the links. The larger of two
    linked roots is put under the smaller, and labels are followed to their roots, until nothing changes."""
    low, high = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    parent = np.arange(count)
    while True:
        a, b = parent[low], parent[high]
        apart = a != b
        if not apart.any():
            return parent
        np.minimum.at(parent, np.maximum(a, b)[apart], np.minimum(a, b)[apart])
        while not np.array_equal(parent, parent[parent]):
            parent = parent[parent]


def face_pairs(number: np.ndarray, fluid: np.ndarray, axis: int, periodic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the fluid cells on both sides of every face across ``axis``."""
    number, fluid = np.moveaxis(number, axis, 0), np.moveaxis(fluid, axis, 0)
    if periodic:
        number, fluid = np.concatenate([number, number[:1]]), np.concatenate([fluid, fluid[:1]])
    both = fluid[:-1] & fluid[1:]
    return number[:-1][both], number[1:][both]
