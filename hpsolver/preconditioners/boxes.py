"""A leaf cut into equal boxes of cells: the tokens of the learned coarse space."""

from __future__ import annotations

import math

import numpy as np

from hpsolver.kernels.basis import TOKENS


def patch_boxes(extent: tuple[int, int, int]) -> tuple[np.ndarray, tuple[int, int, int]]:
    """([T, P] cells of each patch, patches per axis), both in row-major order."""
    counts = [1, 1, 1]
    while counts[0] * counts[1] * counts[2] < TOKENS:
        axis = max(range(3), key=lambda a: extent[a] // counts[a])
        counts[axis] *= 2
    size = [e // c for e, c in zip(extent, counts, strict=True)]
    cell = np.arange(extent[0] * extent[1] * extent[2])
    position = np.unravel_index(cell, extent)
    patch = np.ravel_multi_index([p // s for p, s in zip(position, size, strict=True)], counts)
    return np.argsort(patch, kind="stable").reshape(TOKENS, -1), (counts[0], counts[1], counts[2])


def patch_graph(extent: tuple[int, int, int], directions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``box_graph`` of the patches of a leaf."""
    _, counts = patch_boxes(extent)
    return box_graph(counts, np.array(extent) // np.array(counts), directions)


def box_graph(
    counts: tuple[int, int, int], size: np.ndarray | int, directions: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which boxes of a leaf are neighbours, ``counts`` of them per axis, row-major, each of ``size`` cells per axis.

    Returns:
        across: [directions, T] int32, the box across each side, -1 where it would leave the leaf.
        steps: [directions, 3] displacement of the box across, in cells, first axis first.
        offset: [T, T, 3] displacement from box i to box j, in cells.
    """
    T, size = math.prod(counts), np.broadcast_to(size, 3)
    local = np.stack(np.unravel_index(np.arange(T), counts), axis=-1)
    across = np.full((directions, T), -1, dtype=np.int32)
    steps = np.zeros((directions, 3))
    for d in range(directions):
        axis, step = 2 - d // 2, 2 * (d % 2) - 1
        steps[d, axis] = step * size[axis]
        moved = local.copy()
        moved[:, axis] += step
        stays = (moved[:, axis] >= 0) & (moved[:, axis] < counts[axis])
        across[d, stays] = np.ravel_multi_index(moved[stays].T, counts)
    return across, steps, (local[None, :, :] - local[:, None, :]) * size
