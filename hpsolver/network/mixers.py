"""*Mixers* carry information between leaves, as vectors of width d that the feed-forward part of every token takes
besides the token. The published network has highways; the learned coarse space has none (``bench/FINDINGS.md``)."""

from __future__ import annotations

import torch
from torch import nn

from .patches import PatchLattice
from .tiles import TileMap

Links = TileMap | PatchLattice
"""Where a mixer finds which tokens are connected."""


class Mixer(nn.Module):
    """The interface of all mixers. This one mixes nothing.

    Attributes:
        contexts: vectors per token.
    """

    contexts = 0

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: Links | None) -> list[torch.Tensor]:
        """The context of leaf tokens x [B, K, L, d], given tile tokens y [B, M, T, d]: tensors that broadcast to x."""
        return []

    def tile_context(self, x: torch.Tensor, y: torch.Tensor, links: Links) -> list[torch.Tensor]:
        """The same for tile tokens: tensors that broadcast to y."""
        return []


class Highways(Mixer):
    """Row, column and global highways of arXiv 2605.13343.

    The row (column) buffer [K, L, d] holds the leaf tokens plus the tokens of all tiles whose row (column) strip
    contains the leaf. Leaf tokens read their own place, tiles read the means over their strips. The global vector is
    the mean over all tokens of a stream. For tiles it is over all tiles; the published code averages inside each tile.
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
