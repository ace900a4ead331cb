"""The start functions of the classical basis: Haar functions on the sub-bricks of a leaf."""

from __future__ import annotations

import numpy as np


def haar(extent: tuple[int, int, int], functions: int) -> np.ndarray:
    """[functions, L] fp32: +1 on one half of a sub-brick and -1 on the other, 0 elsewhere, coarse to fine.

    For R a power of two, the constant and the first R - 1 functions span the indicators of ``sub_bricks(extent, R)``.
    """
    rows: list[np.ndarray] = []
    parts = 1
    while len(rows) < functions:
        half = sub_bricks(extent, 2 * parts)
        rows += [(half == 2 * p).astype(np.float32) - (half == 2 * p + 1) for p in range(parts)]
        parts *= 2
    return np.stack(rows[:functions]).astype(np.float32)


def sub_bricks(extent: tuple[int, int, int], parts: int) -> np.ndarray:
    """[leaf_size] number of the sub-brick of each cell: the longest axis is halved until there are ``parts``.

    Of equally long axes the least halved one is next. So four parts of a leaf are quadrants, which hold slopes along
    both axes; four strips would take half as many iterations again.
    """
    boxes = [tuple((0, e) for e in extent)]
    while len(boxes) < parts:
        length = [high - low for low, high in boxes[0]]
        axis = max(range(3), key=lambda a: (length[a], length[a] - extent[a]))
        middle = length[axis] // 2
        boxes = [
            tuple(half if a == axis else box[a] for a in range(3))
            for box in boxes
            for low, high in [box[axis]]
            for half in ((low, low + middle), (low + middle, high))
        ]
    part = np.empty(extent, dtype=np.int32)
    for number, box in enumerate(boxes):
        part[tuple(slice(low, high) for low, high in box)] = number
    return part.ravel()
