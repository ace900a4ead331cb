"""Grids whose cells are not all of one size: what that does to faces and to the right-hand side.

With cell sizes h_a[k] along axis a and their means H_a, the rows of ``-div((1/rho) grad p) = b``, each times its cell's
volume over the mean volume, are a symmetric system. Its faces conduct 1 / (rho_f H_a^2), as on a grid of the mean
sizes, times

    (area / mean area) (H_a / distance of the two centres).

The assembly treats this factor like an open share of the face (``hpsolver.kernels.assembly``).
"""

from __future__ import annotations

import numpy as np

from .bricks import Bricks
from .grid import Grid


def distances(grid: Grid, axis: int) -> np.ndarray:
    """[n + 1] distance of the two centres at each face of an axis; at walls and open sides the size of the cell."""
    h = np.asarray(grid.sizes_of(axis))
    ends = (h[-1:], h[:1]) if grid.periodic(axis) else (h[:1], h[-1:])
    apart: np.ndarray = 0.5 * (np.concatenate([ends[0], h]) + np.concatenate([h, ends[1]]))
    return apart


def factors(grid: Grid, bricks: Bricks) -> np.ndarray:
    """[directions, N] conductance of each face over that on a grid of the mean sizes; 1 in padding."""
    real, places, relative = _relative(grid, bricks)
    found = np.ones((bricks.directions, len(bricks.cell)))
    for axis, mean in enumerate(grid.spacing):
        area = np.prod([relative[b] for b in range(grid.dimension) if b != axis], axis=0)
        apart = distances(grid, axis)
        for upper in (0, 1):
            direction = 2 * (grid.dimension - 1 - axis) + upper
            found[direction, real] = area * mean / apart[places[axis] + upper]
    return found


def volumes(grid: Grid, bricks: Bricks) -> np.ndarray:
    """[N] volume of each cell over the mean volume; 1 in padding."""
    real, _, relative = _relative(grid, bricks)
    found = np.ones(len(bricks.cell))
    found[real] = np.prod(relative, axis=0)
    return found


def _relative(grid: Grid, bricks: Bricks) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The cells that are not padding, in brick order, and by axis their places and their sizes over the mean."""
    real = np.flatnonzero(bricks.cell >= 0)
    places = list(np.unravel_index(bricks.cell[real], grid.shape))
    sizes = [np.asarray(grid.sizes_of(axis)) for axis in range(grid.dimension)]
    return real, places, [h[k] / mean for h, k, mean in zip(sizes, places, grid.spacing, strict=True)]
