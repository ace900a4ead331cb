"""Leaves seen through patches: a token stands for a small box of cells, 16 to a leaf."""

from __future__ import annotations

import copy
import functools

import numpy as np
import torch

from hpsolver.preconditioners.haar import haar

from .poisson import Lattice, Operator

TOKENS = 16
"""Patches of a leaf: 4 x 4 of 4 x 2 cells in 2D, 4 x 2 x 2 of 2 x 2 x 2 in 3D, for leaves of 128."""

HAAR_FUNCTIONS = 31
"""C: candidates that a leaf's start functions are combined from; weights are made for so many."""


def cell_features(dimension: int) -> int:
    """Features of a cell in ``PatchLattice.features``."""
    return 1 + 6 * dimension


class PatchLattice:
    """With it the patches of all leaves look like a coarser lattice.

    Attributes:
        cells: [T, P] cells of a leaf in each patch.
        candidates: [C, L] Haar functions; the first R - 1 are the classical start functions.
        within, inside, offset, steps, fluid: as in ``Lattice``, of patches (fluid: 1 where any cell is; inside: 1 where
            the patch across is in the leaf).
    """

    def __init__(self, lattice: Lattice):
        self.lattice, self.device = lattice, lattice.device
        bricks = lattice.bricks
        boxes, extent = patch_boxes(bricks.extent)
        as_tensor = functools.partial(torch.as_tensor, device=self.device)
        self.cells = as_tensor(boxes)
        self.candidates = as_tensor(haar(bricks.extent, HAAR_FUNCTIONS))
        T, K, D = TOKENS, lattice.leaves, lattice.directions
        local = np.stack(np.unravel_index(np.arange(T), extent), axis=-1)
        within = np.zeros((D, T), dtype=np.int64)
        inside = np.zeros((D, T), dtype=np.float32)
        for d in range(D):
            axis, step = 2 - d // 2, 2 * (d % 2) - 1
            moved = local.copy()
            moved[:, axis] += step
            stays = (moved[:, axis] >= 0) & (moved[:, axis] < extent[axis])
            within[d] = np.where(stays, np.ravel_multi_index((moved % extent).T, extent), 0)
            inside[d] = stays
        self.within, self.inside = as_tensor(within), as_tensor(inside)[:, None, :].expand(-1, K, -1)
        size = np.array(bricks.extent) // np.array(extent)
        self.offset = as_tensor(((local[None, :, :] - local[:, None, :]) * size).astype(np.float32))
        self.steps = lattice.steps * as_tensor(size.astype(np.float32))
        self.fluid = lattice.fluid[:, self.cells].amax(dim=-1)

    def of_leaves(self, leaves: torch.Tensor) -> PatchLattice:
        """Some leaves alone, as ``Lattice.of_leaves``."""
        some = copy.copy(self)
        some.lattice = self.lattice.of_leaves(leaves)
        some.inside, some.fluid = self.inside[:, leaves], self.fluid[leaves]
        return some

    def features(self, operator: Operator) -> torch.Tensor:
        """[B, K, T, P * features]: of each cell the logarithm of its diagonal less the leaf's mean; its conductances
        over its diagonal, the part of them that leaves the leaf, and their logarithms, relative to the leaf's largest
        diagonal. None depends on units, nor on the level of the density."""
        lattice = self.lattice
        fluid = lattice.fluid
        diagonal = operator.diagonal.clamp_min(1e-12)
        log_diagonal = diagonal.log10() * fluid
        level = log_diagonal.sum(dim=-1, keepdim=True) / fluid.sum(dim=-1, keepdim=True).clamp_min(1.0)
        share = operator.conductance / diagonal[:, None]
        leaving = share * (1.0 - lattice.inside)
        largest = (diagonal * fluid).amax(dim=-1, keepdim=True)[:, None].clamp_min(1e-12)
        logarithm = (operator.conductance / largest + 1e-6).log10() / 3.0
        per_cell = torch.cat([((log_diagonal - level) * fluid)[:, None], share, leaving, logarithm], dim=1)
        return per_cell.movedim(1, -1)[:, :, self.cells].flatten(-2)

    def conductance(self, operator: Operator) -> torch.Tensor:
        """[B, D, K, T] mean over a patch's cells of conductance over diagonal, per side."""
        share = operator.conductance / operator.diagonal.clamp_min(1e-12)[:, None]
        return share[..., self.cells].mean(dim=-1)


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
    return np.argsort(patch, kind="stable").reshape(TOKENS, -1), tuple(counts)
