"""The algebra of a coarse space in Torch, and a training objective made of it: a determinant. (The shipped weights were
trained on a trace, ``oracle``; ``bench/FINDINGS.md`` compares the two.)

With Phi a basis of a few functions per leaf, the additive two-level preconditioner

    M = blkdiag(A_ii^-1) + Phi [ (Phi^T A Phi)^-1 - blkdiag((Phi_i^T A_ii Phi_i)^-1) ] Phi^T

has tr(M A) = n for ANY Phi: blkdiag(A_ii^-1) A has n on its diagonal blocks' traces, and the two terms of the bracket
give tr((Phi^T A Phi)^-1 Phi^T A Phi) - sum_i tr((Phi_i^T A_ii Phi_i)^-1 Phi_i^T A_ii Phi_i) = KR - KR = 0. Its Kaporin
number, (tr(MA)/n)^n / det(MA), which bounds the iterations of PCG, therefore depends on the determinant alone. M's
leaf part restricted to the A_ii-complement of Phi_i does not change with the coarse operator, hence

    log det M = const - [ log det(Phi^T A Phi) - sum_i log det(Phi_i^T A_ii Phi_i) ].

Training minimises the bracket, J <= 0. With Phi_i whitened to Y_i, Y_i^T A_ii Y_i = I, J = log det(Y^T A Y): minus
twice the mutual information between leaves (A as the precision matrix of a Gaussian field) that the coarse variables
capture. Its floor, for a complete basis, is log det A - sum_i log det A_ii; J / floor is the captured fraction. A null
vector of A (no open side) is in the span and is shifted to 1 in J and in the floor. With deflation instead of the
additive form the same bracket appears; only the trace is no longer fixed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .poisson import Operator

SHIFT = 1e-3
"""Share of the diagonal that the inverse step of the basis adds to it (``kernels/native/leaves/rows.h``)."""

ROUNDED = 1e-6
"""A diagonal in single precision equals the sum of its conductances up to this share; any more is of open sides."""


def leaf_matrices(operator: Operator, *, closed: bool) -> torch.Tensor:
    """[B, K, L, L] fp64 diagonal blocks of A / s; with ``closed``, without the conductances that leave the leaf and
    with SHIFT of the diagonal on top.

    The diagonal is summed up again from the conductances: rounded to single precision it would not hold the weakest
    modes of a high contrast.
    """
    lattice = operator.lattice
    conductance, diagonal = operator.conductance.double(), operator.diagonal.double()
    beside = conductance.sum(dim=1)
    rest = diagonal - beside
    diagonal = beside + torch.where(rest > ROUNDED * diagonal, rest, 0.0)
    if closed:
        leaving = (conductance * (1.0 - lattice.inside)).sum(dim=1)
        diagonal = (1.0 + SHIFT) * diagonal - leaving
    matrices = torch.diag_embed(diagonal)
    rows = torch.arange(lattice.leaf_size, device=diagonal.device)
    for d, within in enumerate(lattice.within):
        matrices[:, :, rows, within] -= conductance[:, d] * lattice.inside[d]
    return matrices


def inverse_step(operator: Operator, start: torch.Tensor) -> torch.Tensor:
    """[B, K, L, functions] fp64: (A_ii^N + 1e-3 D)^-1 D of each start function [B, K, functions, L], its mean removed.
    Zero outside the fluid."""
    fluid = operator.lattice.fluid.double()[None, :, :, None]
    diagonal = operator.diagonal.double()[..., None]
    z = torch.linalg.solve(leaf_matrices(operator, closed=True), diagonal * start.double().transpose(-1, -2) * fluid)
    cells = fluid.sum(dim=2, keepdim=True).clamp_min(1.0)
    return (z - z.sum(dim=2, keepdim=True) / cells) * fluid


def normalized(operator: Operator, functions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The constant, then each of the functions [B, K, L, F], all of unit norm [B, K, L, F + 1]; and their norms
    [B, K, F]."""
    fluid = operator.lattice.fluid.double()[None, :, :, None]
    norms = (functions.square().sum(dim=2, keepdim=True) + 1e-30).sqrt()
    constant = (fluid / fluid.sum(dim=2, keepdim=True).clamp_min(1.0).sqrt()).expand(len(functions), -1, -1, 1)
    return torch.cat([constant, functions / norms], dim=-1), norms[:, :, 0]


def coarse_basis(operator: Operator, start: torch.Tensor) -> torch.Tensor:
    """[B, K, L, functions + 1] fp64: the constant and each start function [B, K, functions, L] after its inverse step,
    of unit norm."""
    return normalized(operator, inverse_step(operator, start))[0]


def whitened(operator: Operator, basis: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(Y, F) with Y [B, K, L, R] the basis [B, K, L, R] made A_ii-orthonormal in order, so that the leading functions
    of Y span those of the basis, and basis = Y F^T, F [B, K, R, R] lower triangular."""
    block = basis.transpose(-1, -2) @ leaf_matrices(operator, closed=False) @ basis
    scale = block.diagonal(dim1=-2, dim2=-1)
    factor = torch.linalg.cholesky(block + torch.diag_embed(1e-9 * scale + (scale == 0).double()))
    return torch.linalg.solve_triangular(factor, basis.transpose(-1, -2), upper=False).transpose(-1, -2), factor


def coupling_matrix(operator: Operator, basis: torch.Tensor) -> torch.Tensor:
    """Y^T A Y [B, K, R, K, R] with Y the basis [B, K, L, R] whitened; the leading R' functions of every leaf are those
    of a basis of R'. The null vector of a singular problem is shifted to 1."""
    lattice = operator.lattice
    B, K, L, R = basis.shape
    white, factor = whitened(operator, basis)
    flat = white.reshape(B, K * L, R)
    coupling = torch.zeros(B, K, K, R, R, dtype=basis.dtype, device=basis.device)
    leaf = torch.arange(K, device=basis.device)
    for d, across in enumerate(lattice.across):
        cells = (leaf[:, None] * L + lattice.face[d]).flatten()
        other = across[cells]
        weight = operator.conductance[:, d].reshape(B, K * L)[:, cells, None].double()
        blocks = (flat[:, cells] * weight).view(B, K, -1, R).transpose(-1, -2) @ flat[:, other].view(B, K, -1, R)
        there = other.view(K, -1)[:, 0] // L
        coupling = coupling.index_put((torch.arange(B)[:, None], leaf, there), -blocks, accumulate=True)
    coupling = coupling.permute(0, 1, 3, 2, 4)
    identity = torch.eye(K * R, dtype=basis.dtype, device=basis.device).view(K, R, K, R)
    coupling = coupling + identity
    if lattice.singular:
        cells = lattice.fluid.double().sum(dim=1).sqrt()
        null = torch.zeros(B, K, R, dtype=basis.dtype, device=basis.device)
        null[..., 0] = cells * factor[..., 0, 0]  # the constant is the first function
        null = null.flatten(1) / null.flatten(1).norm(dim=1, keepdim=True)
        coupling = coupling + (null[:, :, None] * null[:, None, :]).view_as(coupling)
    return coupling


def determinant_objective(coupling: torch.Tensor, functions: int) -> torch.Tensor:
    """[B] J per leaf for the leading ``functions`` of every leaf, constant included."""
    K = coupling.shape[1]
    part = coupling[:, :, :functions, :, :functions].reshape(len(coupling), K * functions, K * functions)
    return 2.0 * torch.linalg.cholesky(part).diagonal(dim1=-2, dim2=-1).log().sum(dim=-1) / K


def additive_product(operator: Operator, basis: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """r [B, N, P] -> M r, the additive preconditioner: blkdiag(A_ii^-1) + Y [(Y^T A Y)^-1 - I] Y^T, Y whitened."""
    B, K, L, R = basis.shape
    inverse = torch.linalg.inv(leaf_matrices(operator, closed=False))
    white, _ = whitened(operator, basis)
    factor = torch.linalg.cholesky(coupling_matrix(operator, basis).reshape(B, K * R, K * R))

    def product(r: torch.Tensor) -> torch.Tensor:
        local = r.double().view(B, K, L, -1)
        c = (white.transpose(-1, -2) @ local).flatten(1, 2)
        c = (torch.cholesky_solve(c, factor) - c).unflatten(1, (K, R))
        return (inverse @ local + white @ c).view_as(r).to(r.dtype)

    return product
