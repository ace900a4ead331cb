"""Few coarse functions for many pieces of fluid: which pieces of a node share a constant.

A solid mask may cut the fluid of a leaf into many *pieces*. The constant of each piece is a coarse function as long as
there are enough functions. Where there are too few, pieces share one. The first to share are pieces that a single piece
of a neighbouring node joins, the smallest first: a smooth pressure hardly differs between them. Pieces that nothing
near joins share last.
"""

from __future__ import annotations

import numpy as np


def share(node: np.ndarray, cells: np.ndarray, link: np.ndarray, limit: int) -> np.ndarray:
    """[pieces] number of each piece's function in its node, 0 to limit - 1, larger functions first.

    Args:
        node: [pieces] the node of each piece, ascending.
        cells: [pieces] their sizes.
        link: [2, ..] pairs of pieces of different nodes that faces of the grid join.
        limit: the most functions of a node.
    """
    group = np.arange(len(node))
    ends = np.concatenate([link, link[::-1]], axis=1)
    while True:
        size = np.bincount(group, weights=cells, minlength=len(node))
        full = np.bincount(node[np.unique(group)], minlength=node.max(initial=0) + 1) > limit
        ends = ends[:, full[node[ends[0]]]]
        smaller, larger = _joined(group[ends[0]], node[ends[0]], ends[1], size)
        if not len(smaller):
            return _ranked(node, group, size, limit)
        _, first = np.unique(node[smaller], return_index=True)
        into = np.arange(len(node))
        into[smaller[first]] = larger[first]
        group = into[group]


def _joined(
    group: np.ndarray, node: np.ndarray, through: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Groups that a piece of another node joins to a larger one of their node, by node and size; the largest such."""
    order = np.lexsort((group, -size[group], node, through))
    group, node, through = group[order], node[order], through[order]
    starts = np.ones(len(group), dtype=bool)
    starts[1:] = (through[1:] != through[:-1]) | (node[1:] != node[:-1])
    largest = group[starts][np.cumsum(starts) - 1]
    apart = group != largest
    smaller, larger = group[apart], largest[apart]
    order = np.lexsort((larger, smaller, size[smaller], node[apart]))
    return smaller[order], larger[order]


def _ranked(node: np.ndarray, group: np.ndarray, size: np.ndarray, limit: int) -> np.ndarray:
    """The number of each piece's group in its node, by size; the smallest groups share the last number."""
    groups, place = np.unique(group, return_inverse=True)
    order = np.lexsort((-size[groups], node[groups]))
    of_node = node[groups[order]]
    rank = np.empty(len(groups), dtype=np.int64)
    rank[order] = np.arange(len(groups)) - np.searchsorted(of_node, of_node)
    number: np.ndarray = np.minimum(rank, limit - 1)[place]
    return number
