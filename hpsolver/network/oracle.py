"""The best coarse space there is, frame by frame: slow, a target for networks and tests.

Let W be any basis of all functions, A_ii-orthonormal leaf by leaf, of which the coarse space keeps some, Y. Deflation
leaves the Schur complement S of A on the others, and S^-1 is their block of (W^T A W)^-1. Its trace,

    tr S^-1 = tr (W^T A W)^-1 - sum_i tr( Y_i^T A_ii [A^-1]_ii A_ii Y_i ),

is the sum of what is left of the slow modes, 1 / lambda each. The first term does not depend on the choice, and the
second is a sum over leaves: best are, leaf by leaf, the leading eigenvectors of the *gain* matrix, the leaf's block of
(W^T A W)^-1. Its eigenvalues are >= 1: what the far field adds to what the leaf itself knows. Here W is restricted to
``CANDIDATES`` classical functions per leaf.
"""

from __future__ import annotations

import numpy as np
import torch

from hpsolver.preconditioners.haar import haar
from hpsolver.system import System

from .coupling import coarse_basis, coupling_matrix, leaf_matrices, whitened
from .operator import Lattice, Operator, assembled_operator

CANDIDATES = 16
"""Classical functions per leaf to choose from, the constant included."""


def gains(operator: Operator, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gains [B, K, 16], largest first, and functions [B, K, L, 16] that have them.

    Args:
        operator: of the frames.
        candidates: [16 - 1, L] start functions.
    """
    own, white = gain_matrices(operator, candidates)
    values, vectors = torch.linalg.eigh(own)
    return values.flip(-1), (white @ vectors).flip(-1)


def gain_matrices(operator: Operator, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gain matrices [B, K, 16, 16] in the whitened candidates [B, K, L, 16], which come with them."""
    B, K = operator.frames, operator.lattice.leaves
    basis = coarse_basis(operator, candidates.expand(B, K, -1, -1))
    white, _ = whitened(operator, basis)
    coupling = coupling_matrix(operator, basis)
    R = basis.shape[-1]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(coupling.reshape(B, K * R, K * R))).view(B, K, R, K, R)
    own = torch.diagonal(inverse, dim1=1, dim2=3).movedim(-1, 1)
    return 0.5 * (own + own.transpose(-1, -2)), white


def uncaptured(operator: Operator, basis: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """[B, K, R] of each leaf, the gain that its first 1, 2, ..., R functions leave: its part of tr S^-1. For functions
    that are not combinations of the candidates it is an upper bound.

    Args:
        operator: of the frames.
        basis: [B, K, L, R] functions, the constant first.
        candidates: [16 - 1, L] start functions.
    """
    with torch.no_grad():
        own, white = gain_matrices(operator, candidates)
        dual = leaf_matrices(operator, closed=False) @ white
    chosen, _ = whitened(operator, basis)
    along = dual.transpose(-1, -2) @ chosen  # [B, K, 16, R]
    captured = (along * (own @ along)).sum(dim=-2)
    total = own.diagonal(dim1=-2, dim2=-1).sum(dim=-1, keepdim=True)
    return total - captured.cumsum(dim=-1)


def optimal_start(operator: Operator, candidates: torch.Tensor, functions: int) -> torch.Tensor:
    """[B, K, functions, L] start functions that the inverse step maps to the ``functions`` best of all leaves."""
    _, best = gains(operator, candidates)
    best = best[..., :functions]
    best = best / best.norm(dim=2, keepdim=True).clamp_min(1e-300)
    start = leaf_matrices(operator, closed=True) @ best / operator.diagonal.double()[..., None]
    return start.transpose(-1, -2)


def optimal_functions(system: System, functions: int) -> np.ndarray:
    """[leaves * functions * L] fp32 start functions for an assembled system, by a dense inverse on the host."""
    operator = assembled_operator(Lattice(system), system)
    candidates = torch.from_numpy(haar(system.bricks.extent, CANDIDATES - 1))
    return optimal_start(operator, candidates, functions)[0].float().numpy().ravel()
