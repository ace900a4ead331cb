"""Mixers that were tried in the learned coarse space and are not worth their time there (``mixers.py``)."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import nn

from hpsolver.network.mixers import Mixer
from hpsolver.network.partition import morton_order
from hpsolver.network.patches import TOKENS, PatchLattice, patch_boxes
from hpsolver.operators.hkt import CausalPairs, HierarchicalKernelAttention
from hpsolver.operators.lrsa import LowRankSpatialAttention


class Neighbors(Mixer):
    """Each token is given the tokens across its sides, in its own leaf or the next, and the mean over all tokens.

    Args:
        directions: sides of a token.
    """

    def __init__(self, directions: int):
        super().__init__()
        self.contexts = directions + 1

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: PatchLattice) -> list[torch.Tensor]:
        flat = x.flatten(1, 2)
        beside = [
            flat[:, across].view_as(x) * linked[..., None].to(x.dtype)
            for across, linked in zip(*patches_across(links), strict=True)
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

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: PatchLattice) -> list[torch.Tensor]:
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

    def leaf_context(self, x: torch.Tensor, y: torch.Tensor | None, links: PatchLattice) -> list[torch.Tensor]:
        order = leaves_in_morton_order(links)
        leaves = self.norm(x.mean(dim=2))[:, order]
        return [self.attention(leaves)[:, torch.argsort(order), None]]


MIXERS = ("neighbors", "lrsa", "hkt")


def make_mixer(name: str, width: int, heads: int, directions: int) -> Mixer:
    """One layer's mixer, of ``MIXERS``."""
    if name == "neighbors":
        return Neighbors(directions)
    return {"lrsa": Latents, "hkt": HierarchicalKernel}[name](width, heads)


@functools.lru_cache(maxsize=64)
def patches_across(patches: PatchLattice) -> tuple[torch.Tensor, torch.Tensor]:
    """([D, K * T] number of the patch across each side, in whatever leaf it is, itself where there is none;
    [D, K, T] 1 where there is one)."""
    lattice, bricks = patches.lattice, patches.lattice.bricks
    _, extent = patch_boxes(bricks.extent)
    T, K, D = TOKENS, lattice.leaves, lattice.directions
    local = np.stack(np.unravel_index(np.arange(T), extent), axis=-1)
    own = np.arange(K)[:, None] * T + np.arange(T)
    across, linked = np.empty((D, K, T), dtype=np.int64), np.ones((D, K, T), dtype=np.float32)
    for d in range(D):
        axis = 2 - d // 2
        moved = local.copy()
        moved[:, axis] += 2 * (d % 2) - 1
        stays = (moved[:, axis] >= 0) & (moved[:, axis] < extent[axis])
        target = np.ravel_multi_index((moved % extent).T, extent)
        leaf = np.where(stays[None, :], np.arange(K)[:, None], bricks.neighbor[:, d : d + 1])
        absent = (bricks.side[:, d : d + 1] != 0) & ~stays[None, :]
        across[d] = np.where(absent, own, leaf * T + target[None, :])
        linked[d] = ~absent
    return torch.from_numpy(across.reshape(D, K * T)), torch.from_numpy(linked)


@functools.lru_cache(maxsize=64)
def leaves_in_morton_order(patches: PatchLattice) -> torch.Tensor:
    return torch.from_numpy(morton_order(patches.lattice.bricks.coordinates))
