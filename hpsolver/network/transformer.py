"""The network of arXiv 2605.13343: a frame's operator -> the factors of its preconditioner."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from .attention import LeafEdges
from .factors import Factors
from .mixers import Highways, Mixer
from .poisson import GLOBAL_FEATURES, NODE_FEATURES, Operator
from .tiles import TileMap
from .trunk import Trunk


@dataclass(frozen=True)
class TransformerConfig:
    """Size of the network. The published one is the default: 2,653,841 parameters.

    Attributes:
        width: d, channels of a token.
        layers: layers of both streams (``trunk``).
        heads: attention heads, a divisor of ``width``.
        leaf_size: L, cells of a leaf.
        rank: rank of the bases U and V (``factors``), and tokens of a tile: a divisor of ``leaf_size``.
        highways: row, column and global means between leaves and tiles.
        graph_layers: graph convolutions of the embedding.
    """

    width: int = 128
    layers: int = 3
    heads: int = 8
    leaf_size: int = 128
    rank: int = 32
    highways: bool = True
    graph_layers: int = 2


class GraphConvolution(nn.Module):
    """h + MLP(W_s h, (A/s) W_n h), along A's own graph, the diagonal included."""

    def __init__(self, width: int):
        super().__init__()
        self.neighbor = nn.Linear(width, width)
        self.own = nn.Linear(width, width)
        self.mix = nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, h: torch.Tensor, operator: Operator) -> torch.Tensor:
        message = operator.multiply(self.neighbor(h).flatten(1, 2).float()).view_as(h)
        return h + self.mix(torch.cat([self.own(h), message.to(h.dtype)], dim=-1))


class Embedding(nn.Module):
    """Features of the cells -> tokens [B, K, L, d]."""

    def __init__(self, width: int, graph_layers: int):
        super().__init__()
        features = NODE_FEATURES + GLOBAL_FEATURES
        self.lift = nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Linear(width, width))
        self.graph = nn.ModuleList(GraphConvolution(width) for _ in range(graph_layers))
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, width)

    def forward(self, operator: Operator) -> torch.Tensor:
        h = self.lift(operator.features())
        for layer in self.graph:
            h = layer(h, operator)
        return self.project(self.norm(h))


class HierarchicalTransformer(nn.Module):
    """Operator of B frames -> factors of M.

    At the start M is the identity plus half of Jacobi. With all heads near zero, as published, u u^T and u v^T begin at
    a saddle point, where training stalls: the leaf factor is therefore I plus the head's output, and of a core's two
    factors only one begins at zero. Tokens are normalised ahead of the heads, and the heads' outputs scaled so that a
    step of the optimiser changes M only a little.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        d, self.config = config.width, config
        self.embedding = Embedding(d, config.graph_layers)
        mixers = [Highways() if config.highways else Mixer() for _ in range(config.layers)]
        self.trunk = Trunk(d, config.heads, mixers, tile_stream=True)
        self.leaf_factor = _head(d, config.leaf_size, zero=True)
        self.tile_left = _head(d, config.rank, zero=True)
        self.tile_right = _head(d, config.rank, zero=False)
        self.basis_left, self.basis_right = nn.Linear(d, config.rank), nn.Linear(d, config.rank)
        self.gate = nn.Linear(d, 1)

    def forward(self, operator: Operator, tiles: TileMap) -> Factors:
        edges = LeafEdges(operator.conductance, operator.lattice)
        x, y = self.trunk(self.embedding(operator), edges, tiles, tiles.edges(operator))
        x, y = (F.layer_norm(tokens, tokens.shape[-1:]) for tokens in (x, y))
        fluid = operator.lattice.fluid[..., None]
        L, rank = self.config.leaf_size, self.config.rank
        left, right = self.tile_left(y).float(), self.tile_right(y).float()
        leaf = torch.eye(L, device=left.device) + self.leaf_factor(x).float() / L**0.5
        return Factors(
            leaf=leaf * fluid,
            left=self.basis_left(x).float() / rank**0.5 * fluid,
            right=self.basis_right(x).float() / rank**0.5 * fluid,
            core=(left @ right.transpose(-1, -2)).float() / rank,
            gate=torch.sigmoid(self.gate(x).float()).squeeze(-1),
        )


def _head(width: int, outputs: int, *, zero: bool) -> nn.Sequential:
    """A two-layer head; its last layer starts at zero, or from Torch's default."""
    last = nn.Linear(width, outputs)
    if zero:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), last)
