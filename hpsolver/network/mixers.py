"""What carries information between leaves: vectors of width d that every token's feed-forward part is given besides
the token itself."""

from __future__ import annotations

import torch
from torch import nn

from .tiles import TileMap


class Mixer(nn.Module):
    """No mixing, and the interface of all.

    Attributes:
        contexts: vectors per token.
    """

    contexts = 0

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, tiles: TileMap | None) -> list[torch.Tensor]:
        """For leaf tokens x [B, K, L, d], given tile tokens y [B, M, T, d]: tensors that broadcast to x."""
        return []

    def tile_context(self, x: torch.Tensor, y: torch.Tensor, tiles: TileMap) -> list[torch.Tensor]:
        """The same for tile tokens: tensors that broadcast to y."""
        return []


class Highways(Mixer):
    """Row, column and global highways of arXiv 2605.13343.

    A buffer [K, L, d] holds the leaf tokens plus the tokens of all tiles that a leaf belongs to by rows (by columns).
    Leaf tokens read their own place, tiles the means over their strips. The third vector is the mean over all tokens
    of a stream: over all tiles, where the published code averages inside each tile.
    """

    contexts = 3

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, tiles: TileMap | None) -> list[torch.Tensor]:
        spread = [tiles.gather(y, lists) for lists in (tiles.row_tiles, tiles.column_tiles)]
        buffers = [x + s.repeat_interleave(tiles.pool, dim=2) for s in spread]
        return [*buffers, x.mean(dim=(1, 2), keepdim=True)]

    def tile_context(self, x: torch.Tensor, y: torch.Tensor, tiles: TileMap) -> list[torch.Tensor]:
        pooled = tiles.pooled(x)
        row, column = (pooled + tiles.gather(y, lists) for lists in (tiles.row_tiles, tiles.column_tiles))
        return [*tiles.read(row, column), y.mean(dim=(1, 2), keepdim=True)]
