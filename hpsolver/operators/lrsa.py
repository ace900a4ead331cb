"""Low-rank spatial attention: Yang, Xin, Du and Liu, arXiv 2604.03582.

A mixer of N tokens through M latents, from attention, normalisation and feed-forward layers alone:

    compress     Z = L + attention(queries L, context x)             L: M learned vectors
    mix          Z = Z + attention(LN Z, LN Z);  Z = Z + FFN(LN Z)
    reconstruct  y = attention(queries x, context LN Z)

What a token learns of the others thus passes through M vectors, at a cost of O(N M) instead of O(N^2). No position
enters: permuted tokens give permuted outputs.

What the abstract leaves open, and our reading: one mixing layer (``layers`` takes more), feed-forward layers of GELU,
learned queries without positions, query and key matrices that start as in ``torch.nn.MultiheadAttention``. (From
``nn.Linear``'s start, 1.7 times smaller, the latents attend almost alike and learn Darcy flow slower.) Like the other
mixers the module takes normalised tokens and returns what is to be added; the surrounding block normalises and adds.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class CrossAttention(nn.Module):
    """Standard attention of ``queries`` to ``context`` with learned projections, in ``heads`` heads."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        if heads < 1 or dim % heads:
            raise ValueError(f"heads must divide the dimension {dim}, got {heads!r}")
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        for layer in (self.query, self.key):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        """[batch, n, dim] and [batch, m, dim] to [batch, n, dim]."""
        q, k, v = self._split(self.query(queries)), self._split(self.key(context)), self._split(self.value(context))
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class LatentLayer(nn.Module):
    """Self-attention and feed-forward among the latents, each with a norm before and a residual around it."""

    def __init__(self, dim: int, heads: int, ratio: int):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = CrossAttention(dim, heads)
        self.feed_forward = nn.Sequential(nn.Linear(dim, ratio * dim), nn.GELU(), nn.Linear(ratio * dim, dim))

    def forward(self, latents: Tensor) -> Tensor:
        normed = self.norm1(latents)
        latents = latents + self.attention(normed, normed)
        return latents + self.feed_forward(self.norm2(latents))


class LowRankSpatialAttention(nn.Module):
    """The three steps of the module's first lines.

    Args:
        dim: channels d of a token.
        latents: number of latents M, >= 1.
        heads: attention heads, a divisor of ``dim``.
        layers: mixing layers among the latents, >= 0.
        ratio: hidden over outer width of their feed-forward parts.

    Raises:
        ValueError: ``latents`` < 1, or ``heads`` does not divide ``dim``.
    """

    def __init__(self, dim: int, latents: int, heads: int = 4, *, layers: int = 1, ratio: int = 2):
        super().__init__()
        if latents < 1:
            raise ValueError(f"latents must be at least 1, got {latents!r}")
        self.latents = nn.Parameter(torch.randn(latents, dim))
        self.compress = CrossAttention(dim, heads)
        self.mix = nn.Sequential(*(LatentLayer(dim, heads, ratio) for _ in range(layers)))
        self.norm = nn.LayerNorm(dim)
        self.reconstruct = CrossAttention(dim, heads)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised tokens [batch, N, dim] to what each learns from the others, of the same shape; any N."""
        latents = self.latents.expand(len(x), -1, -1)
        latents = self.mix(latents + self.compress(latents, x))
        return self.reconstruct(x, self.norm(latents))
