"""What carries information between leaves: vectors of width d that every token's feed-forward part is given besides
the token itself."""

from __future__ import annotations

import torch
from torch import nn

from hpsolver.operators.hkt import CausalPairs, HierarchicalKernelAttention
from hpsolver.operators.lrsa import LowRankSpatialAttention

from .patches import PatchLattice
from .tiles import TileMap

Links = TileMap | PatchLattice
"""Where a mixer finds who is connected to whom."""


class Mixer(nn.Module):
    """No mixing, and the interface of all.

    Attributes:
        contexts: vectors per token.
    """

    contexts = 0

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: Links | None) -> list[torch.Tensor]:
        """For leaf tokens x [B, K, L, d], given tile tokens y [B, M, T, d]: tensors that broadcast to x."""
        return []

    def tile_context(self, x: torch.Tensor, y: torch.Tensor, links: Links) -> list[torch.Tensor]:
        """The same for tile tokens: tensors that broadcast to y."""
        return []


class Highways(Mixer):
    """Row, column and global highways of arXiv 2605.13343.

    A buffer [K, L, d] holds the leaf tokens plus the tokens of all tiles that a leaf belongs to by rows (by columns).
    Leaf tokens read their own place, tiles the means over their strips. The third vector is the mean over all tokens
    of a stream: over all tiles, where the published code averages inside each tile.
    """

    contexts = 3

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: Links | None) -> list[torch.Tensor]:
        spread = [links.gather(y, lists) for lists in (links.row_tiles, links.column_tiles)]
        buffers = [x + s.repeat_interleave(links.pool, dim=2) for s in spread]
        return [*buffers, x.mean(dim=(1, 2), keepdim=True)]

    def tile_context(self, x: torch.Tensor, y: torch.Tensor, links: Links) -> list[torch.Tensor]:
        pooled = links.pooled(x)
        row, column = (pooled + links.gather(y, lists) for lists in (links.row_tiles, links.column_tiles))
        return [*links.read(row, column), y.mean(dim=(1, 2), keepdim=True)]


class Neighbors(Mixer):
    """Each token is given the tokens across its sides, in its own leaf or the next, and the mean over all tokens.

    Args:
        directions: sides of a token.
    """

    def __init__(self, directions: int):
        super().__init__()
        self.contexts = directions + 1

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: Links | None) -> list[torch.Tensor]:
        flat = x.flatten(1, 2)
        beside = [
            flat[:, across].view_as(x) * linked[..., None].to(x.dtype)
            for across, linked in zip(links.across, links.linked, strict=True)
        ]
        return [*beside, x.mean(dim=(1, 2), keepdim=True)]


class Latents(Mixer):
    """Low-rank spatial attention (arXiv 2604.03582): all tokens of a frame through a few learned vectors.

    Args:
        width, heads: of the tokens.
        latents: vectors.
    """

    contexts = 1

    def __init__(self, width: int, heads: int, latents: int = 32):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = LowRankSpatialAttention(width, latents, heads)

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: Links | None) -> list[torch.Tensor]:
        return [self.attention(self.norm(x).flatten(1, 2)).view_as(x)]


class HierarchicalKernel(Mixer):
    """Hierarchical kernel attention (arXiv 2604.08829) among the leaves' mean tokens, levels along the Morton order.

    Args:
        width, heads: of the tokens.
        levels: of the hierarchy, pairs of pairs of leaves.
    """

    contexts = 1

    def __init__(self, width: int, heads: int, levels: int = 3):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = HierarchicalKernelAttention(width, heads, [CausalPairs(width) for _ in range(levels - 1)])

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: Links | None) -> list[torch.Tensor]:
        leaves = self.norm(x.mean(dim=2))[:, links.order]
        return [self.attention(leaves)[:, torch.argsort(links.order), None]]


MIXERS = ("neighbors", "lrsa", "hkt", "none")
"""Of the learned coarse space; ``bench/mixers.py`` compares them."""


def make_mixer(name: str, width: int, heads: int, directions: int) -> Mixer:
    """One layer's mixer.

    Raises:
        ValueError: unknown name.
    """
    if name not in MIXERS:
        raise ValueError(f"unknown mixer {name!r}; allowed: {', '.join(MIXERS)}")
    if name == "neighbors":
        return Neighbors(directions)
    return {"lrsa": Latents, "hkt": HierarchicalKernel}[name](width, heads) if name != "none" else Mixer()
