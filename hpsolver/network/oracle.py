"""The best coarse space there is, frame by frame: slow, a target for networks and tests.

Let W be any basis of all functions, A_ii-orthonormal leaf by leaf; the coarse space keeps a part Y of it. Deflation
leaves the Schur complement S of A on the other functions, and S^-1 is their block of (W^T A W)^-1. Its trace,

    tr S^-1 = tr (W^T A W)^-1 - sum_i tr( Y_i^T A_ii [A^-1]_ii A_ii Y_i ),

is the sum of 1 / lambda over the modes that are left. The first term does not depend on the choice, and the second is a
sum over leaves. So the best choice is, leaf by leaf, the leading eigenvectors of the *gain* matrix, the leaf's block of
(W^T A W)^-1. Its eigenvalues are >= 1 (unless a leaf is its own neighbour across a periodic side); the excess is what
the far field adds to what the leaf itself knows. The leaf's constant is always kept, so the other functions are taken
orthogonal to it. Here W is restricted to ``CANDIDATES`` classical functions per leaf; all 128 would save another 1 % of
the iterations with 4 functions and 8 % with 8 (``bench/FINDINGS.md``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from hpsolver.kernels import basis
from hpsolver.preconditioners.haar import haar
from hpsolver.system import System

from .coupling import coupling_matrix, inverse_step, normalized, whitened
from .poisson import Lattice, Operator, assembled_operator

CANDIDATES = basis.CANDIDATES + 1
"""Classical functions per leaf to choose from, the constant included: those the network combines."""


@dataclass(frozen=True)
class Gains:
    """What the functions of every leaf are worth.

    Attributes:
        own: [B, K, C, C] gain matrices of C candidates, in whitened functions orthogonal to the constant.
        coordinates: [B, K, C, C] row c: candidate c after the inverse step, in these whitened functions.
    """

    own: torch.Tensor
    coordinates: torch.Tensor

    def best(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Gains [B, K, C], largest first, and the coefficients [B, K, C, C] of the functions that have them."""
        values, vectors = torch.linalg.eigh(self.own)
        rows = torch.linalg.solve(self.coordinates, vectors.transpose(-1, -2), left=False)
        return values.flip(-1), rows.flip(-2)

    def uncaptured(self, coefficients: torch.Tensor) -> torch.Tensor:
        """[B, K, F] the gain above 1 that a leaf's constant and first 1, 2, ..., F functions leave uncaptured: the
        leaf's part of tr S^-1, less what that part would be without far field.

        Args:
            coefficients: [B, K, F, C] the functions' coefficients in the candidates, before the inverse step.
        """
        rows = coefficients.to(self.own.dtype) @ self.coordinates
        rows = rows / rows.norm(dim=-1, keepdim=True).clamp_min(1e-20)
        F, C = rows.shape[-2:]
        gram = rows @ rows.transpose(-1, -2) + 1e-5 * torch.eye(F, dtype=rows.dtype, device=rows.device)
        chosen = torch.linalg.solve_triangular(torch.linalg.cholesky(gram), rows, upper=False)
        captured = ((chosen @ self.own) * chosen).sum(dim=-1).cumsum(dim=-1)
        total = self.own.diagonal(dim1=-2, dim2=-1).sum(dim=-1, keepdim=True)
        floor = C - torch.arange(1, F + 1, dtype=rows.dtype, device=rows.device)
        return total - captured - floor


def gains(operator: Operator, candidates: torch.Tensor) -> Gains:
    """Gains of the candidates, by inverting their coupling matrix.

    Args:
        operator: the frames' operator.
        candidates: [C, L] start functions.
    """
    B, K = operator.frames, operator.lattice.leaves
    stepped = inverse_step(operator, candidates.expand(B, K, -1, -1))
    basis, norms = normalized(operator, stepped)
    _, factor = whitened(operator, basis)
    coupling = coupling_matrix(operator, basis)
    R = basis.shape[-1]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(coupling.reshape(B, K * R, K * R))).view(B, K, R, K, R)
    own = torch.diagonal(inverse, dim1=1, dim2=3).movedim(-1, 1)[..., 1:, 1:]
    return Gains(0.5 * (own + own.transpose(-1, -2)), factor[..., 1:, 1:] * norms[..., None])


def optimal_start(operator: Operator, candidates: torch.Tensor, functions: int) -> torch.Tensor:
    """[B, K, functions, L] start functions that the inverse step maps to the ``functions`` best of all leaves."""
    _, coefficients = gains(operator, candidates).best()
    start = coefficients[..., :functions, :] @ candidates.to(coefficients.dtype)
    return start / start.abs().amax(dim=-1, keepdim=True).clamp_min(1e-300)


def optimal_functions(system: System, functions: int) -> np.ndarray:
    """[leaves * functions * L] fp32 start functions for an assembled system, by a dense inverse on the host."""
    operator = assembled_operator(Lattice(system), system)
    candidates = torch.from_numpy(haar(system.bricks.extent, CANDIDATES - 1))
    return optimal_start(operator, candidates, functions)[0].float().numpy().ravel()
