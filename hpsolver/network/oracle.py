"""The best coarse space there is, frame by frame: slow, a target for networks and tests.

Of many classical functions per leaf, whitened there, the diagonal block of (Y^T A Y)^-1 belonging to a leaf has
eigenvalues >= 1: the gain of each direction, what the far field knows about it beyond the leaf itself. The leading
eigenvectors are the functions to keep.
"""

from __future__ import annotations

import numpy as np
import torch

from hpsolver.preconditioners.schwarz import haar
from hpsolver.system import System

from .coupling import coarse_basis, coupling_matrix, leaf_matrices, whitened
from .operator import Lattice, Operator, read_operator

CANDIDATES = 16
"""Classical functions per leaf to choose from, the constant included."""


def gains(operator: Operator, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Gains [B, K, 16], largest first, and functions [B, K, L, 16] that have them.

    Args:
        operator: of the frames.
        candidates: [16 - 1, L] start functions.
    """
    B, K = operator.frames, operator.lattice.leaves
    start = candidates.expand(B, K, -1, -1)
    basis = coarse_basis(operator, start)
    white, _ = whitened(operator, basis)
    coupling = coupling_matrix(operator, basis)
    R = basis.shape[-1]
    inverse = torch.linalg.inv(coupling.reshape(B, K * R, K * R)).view(B, K, R, K, R)
    own = torch.diagonal(inverse, dim1=1, dim2=3).movedim(-1, 1)  # [B, K, R, R]
    values, vectors = torch.linalg.eigh(0.5 * (own + own.transpose(-1, -2)))
    return values.flip(-1), (white @ vectors).flip(-1)


def optimal_start(operator: Operator, candidates: torch.Tensor, functions: int) -> torch.Tensor:
    """[B, K, functions, L] start functions that the inverse step maps to the ``functions`` best of all leaves."""
    _, best = gains(operator, candidates)
    best = best[..., :functions]
    best = best / best.norm(dim=2, keepdim=True).clamp_min(1e-300)
    start = leaf_matrices(operator, closed=True) @ best / operator.diagonal.double()[..., None]
    return start.transpose(-1, -2)


def optimal_functions(system: System, functions: int) -> np.ndarray:
    """[leaves * functions * L] fp32 start functions for an assembled system, by a dense inverse on the host."""
    arrays = (torch.from_numpy(a.numpy()) for a in (system.conductance, system.diagonal, system.density))
    operator = read_operator(Lattice(system), *arrays)
    candidates = torch.from_numpy(haar(system.bricks.extent, CANDIDATES - 1))
    return optimal_start(operator, candidates, functions)[0].float().numpy().ravel()
