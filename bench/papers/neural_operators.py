"""The neural operators of the LRSA comparison: one scaffold, three mixers of tokens.

The scaffold is a pre-norm transformer on patches of a square grid; only the mixer differs. LRSA comes from
``hpsolver.operators``; here are the other two, written from their papers' descriptions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class PhysicsAttention(nn.Module):
    """Transolver's attention among slices (Wu et al., arXiv 2402.02366), [batch, N, dim] to the same.

    Every head softly assigns tokens to ``slices`` (softmax over slices with a learned temperature), averages the tokens
    of a slice, lets the slices attend to each other and hands the result back with the same weights.
    """

    def __init__(self, dim: int, slices: int, heads: int):
        super().__init__()
        self.heads = heads
        self.assign_from, self.content, self.out = (nn.Linear(dim, dim) for _ in range(3))
        self.assign = nn.Linear(dim // heads, slices)
        nn.init.orthogonal_(self.assign.weight)
        self.temperature = nn.Parameter(torch.full((heads, 1, 1), 0.5))
        self.query, self.key, self.value = (nn.Linear(dim // heads, dim // heads, bias=False) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        head_first = [
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.assign_from, self.content)
        ]
        weights = (self.assign(head_first[0]) / self.temperature.clamp(0.1, 5.0)).softmax(-1)
        shares = weights / (weights.sum(2, keepdim=True) + 1e-5)
        slices = shares.transpose(2, 3) @ head_first[1]
        slices = functional.scaled_dot_product_attention(self.query(slices), self.key(slices), self.value(slices))
        return self.out((weights @ slices).transpose(1, 2).flatten(2))


class SpectralMixer(nn.Module):
    """Fourier layer (Li et al., arXiv 2010.08895): lowest modes times learned matrices, plus a pointwise linear map.

    Tokens are the cells of a square grid in row-major order. FFTs are in float32 also under autocast.
    """

    def __init__(self, dim: int, modes: int):
        super().__init__()
        self.modes = modes
        self.weight = nn.Parameter(torch.randn(2 * modes, modes, dim, dim, 2) / (dim * 2**0.5))
        self.pointwise = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        side = round(x.shape[1] ** 0.5)
        m, rows = self.modes, torch.arange(-self.modes, self.modes, device=x.device) % side
        spectrum = torch.fft.rfft2(x.float().unflatten(1, (side, side)), dim=(1, 2))
        with torch.autocast(x.device.type, enabled=False):
            low = torch.einsum("bxyi,xyio->bxyo", spectrum[:, rows, :m], torch.view_as_complex(self.weight))
        mixed = torch.zeros_like(spectrum)
        mixed[:, rows, :m] = low
        return torch.fft.irfft2(mixed, s=(side, side), dim=(1, 2)).flatten(1, 2) + self.pointwise(x)


class Block(nn.Module):
    """x + mixer(norm x), then x + FFN(norm x)."""

    def __init__(self, dim: int, mixer: nn.Module, ratio: int):
        super().__init__()
        self.norm1, self.norm2, self.mixer = nn.LayerNorm(dim), nn.LayerNorm(dim), mixer
        self.feed_forward = nn.Sequential(nn.Linear(dim, ratio * dim), nn.GELU(), nn.Linear(ratio * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class NeuralOperator(nn.Module):
    """Log permeability [batch, side, side] to pressure of the same shape, both in normalised units.

    Args:
        dim: channels of a token.
        layers: blocks.
        mixer: makes the mixer of one block.
        patch: a token is patch x patch cells; it sees their values and its centre's coordinates.
    """

    def __init__(self, dim: int, layers: int, mixer: Callable[[], nn.Module], patch: int = 2, ratio: int = 2):
        super().__init__()
        self.patch = patch
        self.embed = nn.Sequential(nn.Linear(patch**2 + 2, dim), nn.GELU(), nn.Linear(dim, dim))
        self.blocks = nn.Sequential(*(Block(dim, mixer(), ratio) for _ in range(layers)))
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, patch**2))

    def forward(self, k: Tensor) -> Tensor:
        side = k.shape[1] // self.patch
        centres = (torch.arange(side, device=k.device, dtype=k.dtype) + 0.5) / side
        where = torch.stack(torch.meshgrid(centres, centres, indexing="ij"), -1).flatten(0, 1).expand(len(k), -1, -1)
        patches = functional.pixel_unshuffle(k[:, None], self.patch).flatten(2).transpose(1, 2)
        tokens = self.blocks(self.embed(torch.cat([patches, where], 2)))
        cells = self.head(tokens).transpose(1, 2).unflatten(2, (side, side))
        return functional.pixel_shuffle(cells, self.patch)[:, 0]
