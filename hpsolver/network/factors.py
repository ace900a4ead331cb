"""The factors of M that the network predicts, and M itself as Torch operations.

    M = blkdiag(u_k u_k^T) + sum_m ( P_r U C_m V^T P_c^T + transpose ) + diag(g_i / a_ii)

P_r, P_c restrict to the row and column strips of tile m, U and V [N, rank] are bases that all tiles share, C_m is the
tile's core. M is symmetric; the tiles can make it indefinite (arXiv 2605.13343, and ``preconditioners.htp_paper``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .poisson import Operator
from .tiles import TileMap


@dataclass(frozen=True)
class Factors:
    """Factors of B frames.

    Attributes:
        leaf: [B, K, L, L] u.
        left, right: [B, K, L, rank] U and V, per leaf.
        core: [B, M, rank, rank] C.
        gate: [B, K, L] g in (0, 1).
    """

    leaf: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    core: torch.Tensor
    gate: torch.Tensor

    def apply(self, operator: Operator, tiles: TileMap, z: torch.Tensor) -> torch.Tensor:
        """M z for z [B, N, P]."""
        B, N, P = z.shape
        z = z.view(B, *self.gate.shape[1:], P)
        result = self.leaf @ (self.leaf.transpose(-1, -2) @ z)
        result = result + (self.gate / operator.diagonal)[..., None] * z
        row, column = self.left.transpose(-1, -2) @ z, self.right.transpose(-1, -2) @ z  # [B, K, rank, P]
        to_row = self.core @ strip_sums(column, tiles.column_mean)
        to_column = self.core.transpose(-1, -2) @ strip_sums(row, tiles.row_mean)
        result = result + self.left @ tiles.gather(to_row, tiles.row_tiles)
        result = result + self.right @ tiles.gather(to_column, tiles.column_tiles)
        return result.view(B, N, P)


def strip_sums(leaves: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """[B, M, ...] sums over each tile's strip of [B, K, ...]; ``mean`` holds 1 / S."""
    return torch.einsum("mk,bkrp->bmrp", (mean > 0).to(leaves.dtype), leaves)
