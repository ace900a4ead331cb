"""What carries information between leaves: vectors of width d that every token's feed-forward part is given besides
the token itself. The published network has highways; the learned coarse space, nothing (``bench/FINDINGS.md``)."""

from __future__ import annotations

import torch
from torch import nn

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
