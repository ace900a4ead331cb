"""Attention inside a leaf or a tile, with edge terms (arXiv 2605.13343).

    out = W_o ( softmax(q k^T / sqrt(d_h) + b) v + G(e) v )

e_ij = (displacement from i to j, a_ij / s) are the features of an edge; the last one is the bias b_ij of every head. G
is a small network with one output per head. On the diagonal e_ii = (0, 0, 0, 1).
"""

from __future__ import annotations

import torch
from torch import nn

from .poisson import Lattice

EDGE_FEATURES = 4
EDGE_WIDTH = 16
REACH = 16.0
"""Displacements are in units of this many cells."""

NEVER = -1e4
"""A bias that leaves no weight after the softmax, yet keeps a leaf without fluid finite."""


class EdgeAttention(nn.Module):
    """What leaf and tile attention share: the projections and G.

    Args:
        width: d, a multiple of ``heads``.
        heads: attention heads.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.edge = nn.Sequential(nn.Linear(EDGE_FEATURES, EDGE_WIDTH), nn.GELU(), nn.Linear(EDGE_WIDTH, heads))
        # G sums over all tokens without a softmax: from a random start it would drown everything else.
        nn.init.zeros_(self.edge[-1].weight)
        nn.init.zeros_(self.edge[-1].bias)

    def split(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """q, k, v [..., heads, T, d_h] of tokens [..., T, d]."""
        qkv = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))
        return tuple(part.transpose(-3, -2) for part in qkv.unbind(dim=-3))

    def merge(self, heads: torch.Tensor) -> torch.Tensor:
        return self.project(heads.transpose(-3, -2).flatten(-2))


def attention_weights(q: torch.Tensor, k: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """softmax(q k^T / sqrt(d_h) + bias) [..., T, T]. Written out: on the CPU the fused attention of Torch 2.13 takes
    several times as long backwards, and G is added to the weights anyway."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return torch.softmax(scores + bias, dim=-1)


class LeafAttention(EdgeAttention):
    """Attention among the cells of each leaf. A's entries are few, so G(e) v is formed as a product with G of the
    displacements alone, one matrix for all leaves, plus a correction along the stencil."""

    def forward(self, tokens: torch.Tensor, edges: LeafEdges) -> torch.Tensor:
        """[B, K, L, d] from tokens [B, K, L, d]."""
        q, k, v = self.split(tokens)
        everywhere = self.edge(edges.geometry).movedim(-1, 0)  # [heads, L, L]
        mixed = (attention_weights(q, k, edges.bias[:, :, None]) + everywhere).to(v.dtype) @ v
        along = self.edge(edges.stencil) - self.edge(edges.bare_stencil)  # [B, K, D, L, heads]
        along = (along * edges.inside[..., None]).to(v.dtype)
        for d, within in enumerate(edges.within):
            mixed = mixed + along[:, :, d].transpose(-1, -2)[..., None] * v[..., within, :]
        return self.merge(mixed)


class LeafEdges:
    """Edge features of the leaves of B frames.

    Args:
        conductance: [B, D, K, L] over s, between the tokens of ``lattice``.
        lattice: the lattice of the tokens, a ``Lattice`` or ``PatchLattice``.

    Attributes:
        bias: [B, K, L, L] a_ij / s, 1 on the diagonal; NEVER is added for solid and padding, so that the softmax gives
            them no weight. (In G(e) v and in means they take part like other tokens.)
        geometry: [L, L, 4] edge features without A.
        stencil: [B, K, D, L, 4] edge features from each token to the one across.
        bare_stencil: [D, L, 4] the same without A.
        within: as in the lattice.
        inside: [K, D, L], as in the lattice but for the order of the axes.
    """

    def __init__(self, conductance: torch.Tensor, lattice: Lattice):
        B, _, K, L = conductance.shape
        device = conductance.device
        inside = lattice.inside.transpose(0, 1)
        values = -conductance.transpose(1, 2) * inside  # [B, K, D, L]
        bias = torch.eye(L, device=device).repeat(B, K, 1, 1)
        rows = torch.arange(L, device=device)
        for d, within in enumerate(lattice.within):
            bias[:, :, rows, within] += values[:, :, d]
        self.bias = bias + NEVER * (1.0 - lattice.fluid)[:, None, :]
        self.within, self.inside = lattice.within, inside
        displacement = lattice.offset / REACH
        self.geometry = torch.cat([displacement, torch.eye(L, device=device)[..., None]], dim=-1)
        steps = lattice.steps[:, None, :].expand(-1, L, -1) / REACH
        self.bare_stencil = torch.cat([steps, torch.zeros_like(steps[..., :1])], dim=-1)
        self.stencil = torch.cat([steps.expand(B, K, -1, -1, -1), values[..., None]], dim=-1)


class TileAttention(EdgeAttention):
    """Attention among the tokens of each tile."""

    def forward(self, tokens: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
        """[B, M, T, d] from tokens [B, M, T, d] and edge features [B, M, T, T, 4]."""
        q, k, v = self.split(tokens)
        gate = self.edge(edges).movedim(-1, 2)  # [B, M, heads, T, T]
        return self.merge((attention_weights(q, k, edges[:, :, None, ..., -1]) + gate).to(v.dtype) @ v)
