"""The learned coarse space: a frame's operator -> start functions of every leaf.

The network is the trunk of the hierarchical transformer on patches of cells. Its output tells how every leaf combines
the Haar functions of its sub-bricks, and is added to the first ones, which are the classical basis: a network of zeros
gives the classical coarse space. ``preconditioners.coarse_space`` makes coarse functions of the start functions (one
inverse step on the leaf with closed faces, the constant first, orthonormalisation). The preconditioner is symmetric
positive definite whatever they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from hpsolver.kernels.basis import CANDIDATES, TOKENS

from .attention import LeafEdges
from .mixers import Mixer
from .patches import PatchLattice, cell_features
from .poisson import Operator
from .trunk import Trunk


@dataclass(frozen=True)
class BasisConfig:
    """Size of the network.

    Attributes:
        dimension: of the grids, 2 or 3.
        width, layers, heads: of the trunk.
        functions: start functions of a leaf, most useful first: a coarse space with C candidates takes the first C - 1.
        leaf_size: cells of a leaf.
    """

    dimension: int = 2
    width: int = 48
    layers: int = 1
    heads: int = 4
    functions: int = 15
    leaf_size: int = 128


class BasisNetwork(nn.Module):
    """Operator of B frames -> [B, K, functions, C] coefficients in the C candidates of ``PatchLattice``.

    A leaf's functions depend on its own rows of A and on nothing else.

    Args:
        config: its size.
    """

    def __init__(self, config: BasisConfig):
        super().__init__()
        d, self.config = config.width, config
        patch = config.leaf_size // TOKENS
        features = patch * cell_features(config.dimension)
        self.embed = nn.Sequential(nn.Linear(features, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.position = nn.Parameter(0.3 * torch.randn(TOKENS, d))
        self.trunk = Trunk(d, config.heads, [Mixer() for _ in range(config.layers)], tile_stream=False)
        self.head = nn.Linear(TOKENS * d, config.functions * CANDIDATES)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, operator: Operator, patches: PatchLattice) -> torch.Tensor:
        tokens = self.embed(patches.features(operator)) + self.position
        edges = LeafEdges(patches.conductance(operator), patches)
        tokens, _ = self.trunk(tokens, edges, patches)
        tokens = F.layer_norm(tokens, tokens.shape[-1:])
        added = self.head(tokens.flatten(-2)).float().unflatten(-1, (self.config.functions, CANDIDATES))
        return added + torch.eye(*added.shape[-2:], device=added.device)
