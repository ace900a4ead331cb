"""What training minimises for a preconditioner M given by its products, estimated with random probes.

Probes Z [B, N, P] are standard normal and zero outside the fluid. Smoothing is damped Jacobi on A Z = 0, twice,

    Z <- Z - 0.6 D^-1 A Z,

which leaves what a preconditioner is for: the low frequencies (arXiv 2605.13343, training). Then their means are taken
out: the null space of a problem without open sides, where no M can help.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .poisson import Operator

SMOOTHING_STEPS = 2
SMOOTHING_WEIGHT = 0.6

Product = Callable[[torch.Tensor], torch.Tensor]
"""M z for z [B, N, P]."""


def probes(operator: Operator, count: int, generator: torch.Generator, *, smooth: bool) -> torch.Tensor:
    """[B, N, P] random probes.

    Args:
        operator: the frames' operator.
        count: P.
        generator: source of the random numbers.
        smooth: apply the smoothing steps.
    """
    B, (K, L) = operator.frames, operator.diagonal.shape[1:]
    fluid = operator.lattice.fluid.reshape(1, K * L, 1)
    z = torch.randn(B, K * L, count, generator=generator, device=operator.diagonal.device) * fluid
    if smooth:
        diagonal = operator.diagonal.reshape(B, K * L, 1)
        for _ in range(SMOOTHING_STEPS):
            z = z - SMOOTHING_WEIGHT * operator.multiply(z) / diagonal
    return z - fluid * (z.sum(dim=1, keepdim=True) / fluid.sum())


def cosine_hutchinson(operator: Operator, product: Product, z: torch.Tensor) -> torch.Tensor:
    """1 - <M A Z, Z>_F / (||M A Z||_F ||Z||_F), the mean over frames: 0 where M A is a multiple of the identity on Z.

    One cosine over all entries of a frame's Z at once, as published; the scale of M does not matter.
    """
    maz = product(operator.multiply(z)).flatten(1)
    z = z.flatten(1)
    return (1.0 - (maz * z).sum(dim=1) / (maz.norm(dim=1) * z.norm(dim=1))).mean()


def sparse_approximate_inverse(operator: Operator, product: Product, z: torch.Tensor) -> torch.Tensor:
    """Mean over probes of ||M A z - z||^2, per entry: the SAI loss that the paper compares with."""
    return (product(operator.multiply(z)) - z).square().mean()
