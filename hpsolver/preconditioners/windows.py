"""The near field of the Schwarz preconditioners with overlap: solves on windows, each a leaf and cells around it."""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.kernels import windows as kernels
from hpsolver.kernels.building import Shape, launch
from hpsolver.kernels.leaves import fits
from hpsolver.system import System

from .leaves import Groups


class Windows:
    """B = sum_i R_i^T D_i^1/2 Q_i Q_i^T D_i^1/2 R_i, in the notation of arXiv 2606.18525.

    R_i restricts to window i, leaf i with ``overlap`` layers of cells around it. D_i is one over the number of windows
    that hold the cell, so sum_i R_i^T D_i R_i = I. Q_i Q_i^T is the inverse of A_i, which is A on the window. With a
    ``rank``, Q_i is what ``roots`` holds, and diag(A)^-1 is added to B, since low rank alone is only semidefinite.

    Where D_i^1/2 jumps inside a light phase, at a window's border, the norm of B A grows with the contrast, while that
    of blkdiag(A_ii^-1) A is bounded: overlap helps at low contrast and hurts where phases are torn everywhere.

    Attributes:
        extent: cells of a window's box per axis, 3 entries.
        cells: [windows, L] int32 on the host, number of each cell in brick order, -1 for none.
        weight: [N] D^1/2, the same for all windows that hold the cell, Krylov type.
        pinned: [windows, L] uint8 on the host, 1 for cells that count twice on the diagonal of A_i.
        roots: [windows * L * rank] Q_i of low rank, preconditioner type, to be filled by the caller.
        y: [N] the last B r, Krylov type.
    """

    launches = 2

    def __init__(self, system: System, overlap: int, rank: int | None, dense: bool):
        self.system = system
        self.rank, self.dense = rank, dense
        bricks = system.bricks
        self.extent, self.cells = window_cells(system, overlap)
        windows, L = self.cells.shape
        box = Shape(bricks.dimension, self.extent)
        halfwidth = L // self.extent[3 - bricks.dimension]
        self.by = by = Groups((np.arange(windows, dtype=np.int32),), system.device, dense or rank is not None)
        W = by.W

        T, M, device = system.krylov_type, system.preconditioner_type, system.device
        self._cells = wp.array(self.cells.ravel(), dtype=wp.int32, device=device)
        self.pinned = pinned_places(system, self.cells)
        self._pinned = wp.array(self.pinned.ravel(), dtype=wp.uint8, device=device)
        window, place = np.nonzero(self.cells >= 0)
        held = self.cells[window, place]
        order = np.argsort(held, kind="stable")
        position = ((window // W * L + place) * W + window % W)[order]
        count = np.bincount(held, minlength=system.size)
        self._place = wp.array(position, dtype=wp.int32, device=device)
        self._first = wp.array(np.cumsum([0, *count]), dtype=wp.int32, device=device)
        self.weight = wp.array(np.maximum(count, 1) ** -0.5, dtype=T, device=device)
        self._touched = system.zeros(windows, wp.int32)
        self._solved = system.zeros(-(-windows // W) * W * L, T)
        self.y = system.zeros(system.size, T)

        self.roots = system.zeros(windows * L * rank if rank else 1, M)
        in_memory = not (rank or (dense and fits(L, halfwidth)))
        self._factor = system.zeros(by.groups * L * (halfwidth + 1) * W if in_memory else 1, wp.float64)
        if dense:
            self._operator = system.zeros(1 if rank else windows * L * L, M)
        else:
            self._operator = self._factor if T is wp.float64 else system.zeros(self._factor.size, T)
        self._setup = kernels.factorization(box, bricks.leaf_size, halfwidth, W, M)
        self._solve = kernels.solving(box, halfwidth, W, T, M, rank or 0, dense)
        self._merge = kernels.merging(system.shape, T, rank is not None)

    def update(self, changed: wp.array) -> None:
        """Records: factors of the windows that hold a cell of a changed leaf. With a rank, nothing."""
        if self.rank:
            return
        system, setup, device = self.system, self._setup, self.system.device
        windows = len(self.cells)
        launch(setup.find_touched, windows, [self._cells, changed, self._touched], device)
        operator = [self._cells, self._pinned, system.conductance, system.diagonal]
        inputs = [system.leaves, self._touched, self.by.members, *operator, self._factor]
        if self.dense:
            launch(setup.root, windows, [*inputs, self._operator], device)
            return
        launch(setup.factor, self.by.groups, inputs, device)
        if self._operator is not self._factor:
            system.round(self._factor, self._operator)

    def solve(self, r: wp.array) -> None:
        """Records: y = B r."""
        system = self.system
        inputs = [self.by.members, self._cells]
        inputs += [self.roots if self.rank else self._operator, self.weight, r, self._solved]
        launch(self._solve, self.by.groups, inputs, system.device)
        inputs = [self._first, self._place, self.weight, self._solved, system.krylov_diagonal, r, self.y]
        launch(self._merge, system.leaves, inputs, system.device)


def window_cells(system: System, overlap: int) -> tuple[tuple[int, int, int], np.ndarray]:
    """Extent of the box and [windows, L] int32: its cells' numbers in brick order, -1 where there is none.

    A window ends where the domain does. On a periodic axis it goes on at the other end, but holds no cell twice: where
    the axis is shorter than the box, the window is the whole axis.
    """
    bricks, grid = system.bricks, system.grid
    lead = 3 - grid.dimension
    shape = np.array((1,) * lead + grid.shape)
    periodic = np.array([False] * lead + [grid.periodic(axis) for axis in range(grid.dimension)])
    layers = np.where(np.arange(3) < lead, 0, overlap)
    extent = np.array(bricks.extent) + 2 * layers

    spare = shape - bricks.used  # cells of the axis that are not the leaf's
    below = np.where(periodic, np.minimum(layers, (spare + 1) // 2), layers)
    above = np.where(periodic, np.minimum(layers, spare - below), layers)
    local = np.stack(np.meshgrid(*map(np.arange, extent), indexing="ij"), axis=-1).reshape(-1, 3) - layers
    position = (bricks.coordinates * np.array(bricks.extent))[:, None, :] + local
    inside = (local >= -below[:, None, :]) & (local < (bricks.used + above)[:, None, :])
    inside &= periodic | ((position >= 0) & (position < shape))

    cells = bricks.number[np.ravel_multi_index(np.moveaxis(position % shape, -1, 0), shape)]
    x, y, z = (int(e) for e in extent)
    return (x, y, z), np.where(inside.all(axis=-1), cells, -1)


def pinned_places(system: System, cells: np.ndarray) -> np.ndarray:
    """[windows, L] uint8: the first cell of each region without an open side that lies inside a window."""
    pinned = np.zeros(cells.shape, dtype=np.uint8)
    regions = system.regions.count
    if regions:
        label = np.where(cells >= 0, system.region_label[cells], -1)
        window, place = np.nonzero(label >= 0)
        pair = window * regions + label[window, place]
        pairs, first, count = np.unique(pair, return_index=True, return_counts=True)
        size = np.bincount(system.region_label[system.region_label >= 0], minlength=regions)
        whole = first[count == size[pairs % regions]]
        pinned[window[whole], place[whole]] = 1
    return pinned
