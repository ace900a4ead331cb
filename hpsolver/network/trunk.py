"""The hierarchical transformer's trunk: tokens of leaves, and of tiles where there are any, layer by layer.

Notation (arXiv 2605.13343): K leaves of L tokens, M tiles of T tokens, d the width; B frames of one grid are a batch.
A token is a cell for the published network, a patch of cells for the learned coarse space.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .attention import LeafAttention, LeafEdges, TileAttention
from .mixers import Links, Mixer


class FeedForward(nn.Module):
    """x + W_2 gelu(W_1 [LN(x), context]).

    Args:
        width: d.
        contexts: vectors of width d that the mixer adds to every token.
    """

    def __init__(self, width: int, contexts: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear((1 + contexts) * width, 4 * width)
        self.contract = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor, context: list[torch.Tensor]) -> torch.Tensor:
        y = torch.cat([self.norm(x), *(c.expand_as(x).to(x.dtype) for c in context)], dim=-1)
        return x + self.contract(F.gelu(self.expand(y)))


class StreamLayer(nn.Module):
    """Attention, then feed-forward, of one stream; each after a layer norm and with a residual."""

    def __init__(self, attention: nn.Module, width: int, contexts: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = attention
        self.feed = FeedForward(width, contexts)

    def attend(self, x: torch.Tensor, edges: LeafEdges | torch.Tensor) -> torch.Tensor:
        return x + self.attention(self.norm(x), edges)


class Trunk(nn.Module):
    """Each layer: leaf attention; leaf feed-forward with the mixer's context; strip means of the new leaf tokens, added
    to the tile tokens; tile attention; tile feed-forward.

    Args:
        width, heads: of both streams, leaf tokens and tile tokens.
        mixers: what carries information between leaves, one for each layer.
        tile_stream: whether there are tile tokens.
    """

    def __init__(self, width: int, heads: int, mixers: Sequence[Mixer], tile_stream: bool):
        super().__init__()
        self.mixers = nn.ModuleList(mixers)
        leaf, tile = LeafAttention, TileAttention
        self.leaf_layers = nn.ModuleList(StreamLayer(leaf(width, heads), width, mixer.contexts) for mixer in mixers)
        self.tile_layers = nn.ModuleList(
            StreamLayer(tile(width, heads), width, mixer.contexts) for mixer in mixers if tile_stream
        )

    def forward(
        self, x: torch.Tensor, leaf_edges: LeafEdges, links: Links, tile_edges: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Leaf tokens [B, K, L, d] -> (leaf tokens [B, K, L, d], tile tokens [B, M, T, d] or None).

        ``links`` is what the mixer needs; with tile edges [B, M, T, T, 4] it is a ``TileMap``.
        """
        y = None if tile_edges is None else sum(links.read(*(links.pooled(x),) * 2))
        for k, (leaf_layer, mixer) in enumerate(zip(self.leaf_layers, self.mixers, strict=True)):
            x = leaf_layer.attend(x, leaf_edges)
            x = leaf_layer.feed(x, mixer.leaf_context(x, y, links))
            if y is not None:
                tile_layer = self.tile_layers[k]
                y = y + sum(links.read(*(links.pooled(x),) * 2))
                y = tile_layer.attend(y, tile_edges)
                y = tile_layer.feed(y, mixer.tile_context(x, y, links))
        return x, y
