"""Leaves seen through patches: a token stands for a small box of cells, 16 to a leaf: 4 x 4 boxes of 4 x 2 cells in 2D,
4 x 2 x 2 of 2 x 2 x 2 in 3D."""

from __future__ import annotations

import functools

import numpy as np
import torch

from hpsolver.kernels.basis import CANDIDATES
from hpsolver.preconditioners.boxes import patch_boxes, patch_graph
from hpsolver.preconditioners.haar import haar

from .poisson import Lattice, Operator


def cell_features(dimension: int) -> int:
    """Features of a cell in ``PatchLattice.features``."""
    return 1 + 6 * dimension


class PatchLattice:
    """The patches of all leaves as a coarser lattice.

    Attributes:
        cells: [T, P] cells of a leaf in each patch.
        candidates: [C, L] Haar functions; the first R - 1 are the classical start functions.
        within, inside, offset, steps, fluid: as in ``Lattice``, for patches (fluid: 1 where any cell of the patch is
            fluid; inside: 1 where the patch across is in the leaf).
    """

    def __init__(self, lattice: Lattice):
        self.lattice, self.device = lattice, lattice.device
        bricks = lattice.bricks
        boxes, _ = patch_boxes(bricks.extent)
        as_tensor = functools.partial(torch.as_tensor, device=self.device)
        self.cells = as_tensor(boxes)
        self.candidates = as_tensor(haar(bricks.extent, CANDIDATES))
        across, steps, offset = patch_graph(bricks.extent, lattice.directions)
        self.within = as_tensor(np.maximum(across, 0).astype(np.int64))
        inside = as_tensor((across >= 0).astype(np.float32))
        self.inside = inside[:, None, :].expand(-1, lattice.leaves, -1)
        self.offset, self.steps = as_tensor(offset.astype(np.float32)), as_tensor(steps.astype(np.float32))
        self.fluid = lattice.fluid[:, self.cells].amax(dim=-1)

    def features(self, operator: Operator) -> torch.Tensor:
        """[B, K, T, P * features]: for each cell the logarithm of its diagonal less the leaf's mean; its conductances
        over its diagonal; those of them that leave the leaf; and the logarithms of its conductances over the leaf's
        largest diagonal. No feature depends on units or on the level of the density."""
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
