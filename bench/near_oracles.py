"""What a near field could gain: parameters optimised for one frame, which a network would have to guess.

The objective is the Kaporin number of M A (its logarithm per row), log( tr(M A) / m ) - log det(M A) / m, exact, up to
det A. On the whole space a null vector of A is shifted to 1. With deflation it is that of the leaves' complement of the
coarse space: with [Y W] orthonormal, S = W^T (A - A Q A) W and B_W = W^T B W,

    m = n - K R,   tr(B_W S) = tr(B (A - A Q A)),   det B_W = det B det(Y^T B^-1 Y).

Tiles E = U V^T, all T tiles side by side in U, V [N, T p], make M = (I + E) B (I + E)^T for a fixed B, with
det M = det(I + V^T U)^2 det B and tr(M X) = tr(B X) + 2 tr(V^T B X U) + tr(V^T B V U^T X U): a few products with
N x T p matrices. All in the coordinates of ``congruence``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .congruence import Skeleton, factors, residuals


class Kaporin:
    """The objective on one frame, [N, N] matrices: 32x32 is a good size.

    Args:
        skeleton: the frame.
        deflated: on the complement of the coarse space.
    """

    def __init__(self, skeleton: Skeleton, *, deflated: bool):
        self.skeleton = skeleton
        A = skeleton.dense(skeleton.multiply)
        null = skeleton.null.flatten()
        self.basis = torch.block_diag(*skeleton.basis) if deflated else None
        if deflated:
            self.energy = A - A @ skeleton.dense(skeleton.coarse) @ A
            self.rows = len(A) - self.basis.shape[1]
        else:
            self.energy = A + torch.outer(null, null)
            self.rows = len(A)

    def __call__(self, M: torch.Tensor) -> torch.Tensor:
        """Of a symmetric positive definite M [N, N]."""
        factor = torch.linalg.cholesky(0.5 * (M + M.mT))
        logdet = 2.0 * factor.diagonal().log().sum()
        if self.basis is not None:
            half = torch.linalg.solve_triangular(factor, self.basis, upper=False)
            logdet = logdet + torch.linalg.slogdet(half.mT @ half).logabsdet
        return ((M * self.energy).sum() / self.rows).log() - logdet / self.rows


class TileObjective:
    """The Kaporin number of (I + E) B (I + E)^T, up to det B, as a function of the tiles' factors.

    Args:
        kaporin: the objective.
        inner: [N, N] B.
    """

    def __init__(self, kaporin: Kaporin, inner: torch.Tensor):
        self._kaporin, skeleton = kaporin, kaporin.skeleton
        K, row, column = skeleton.leaves, skeleton.row, skeleton.column
        inner = 0.5 * (inner + inner.mT)
        both = _blocks(inner @ kaporin.energy, K)
        self._trace = both.diagonal(dim1=0, dim2=1).diagonal(dim1=0, dim2=1).sum()
        self._both = both[column, row]
        self._inner, self._energy = _blocks(inner, K)[:, column], _blocks(kaporin.energy, K)[:, row]
        self._meets = (column[:, None] == row).to(inner.dtype)
        self._inverse = torch.linalg.inv(inner) if kaporin.basis is not None else None

    def __call__(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Of U, V [T, L, p]."""
        k, skeleton = self._kaporin, self._kaporin.skeleton
        T, _, p = left.shape
        V_inner_V = _sandwich(self._inner, right, skeleton.column)
        trace = self._trace + 2.0 * (right * (self._both @ left)).sum()
        trace = trace + (V_inner_V * _sandwich(self._energy, left, skeleton.row)).sum()
        capacitance = torch.einsum("slp,tlq,st->sptq", right, left, self._meets).reshape(T * p, T * p)
        capacitance = capacitance + torch.eye(T * p, dtype=left.dtype)
        logdet = 2.0 * torch.linalg.slogdet(capacitance).logabsdet
        if self._inverse is not None:
            U, V = _side_by_side(left, skeleton.row, skeleton), _side_by_side(right, skeleton.column, skeleton)
            moved = k.basis - U @ torch.linalg.solve(capacitance, V.mT @ k.basis)  # (I + E)^-1 Y
            logdet = logdet + torch.linalg.slogdet(moved.mT @ self._inverse @ moved).logabsdet
        return (trace / k.rows).log() - logdet / k.rows


def _blocks(matrix: torch.Tensor, leaves: int) -> torch.Tensor:
    """[K, K, L, L] of a matrix [N, N]."""
    return matrix.view(leaves, len(matrix) // leaves, leaves, -1).transpose(1, 2)


def _sandwich(columns: torch.Tensor, blocks: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
    """[T, p, T, p] of F^T X F with F [N, T p] the blocks [T, L, p], block t in the rows of ``leaf[t]``, and columns
    [K, T, L, L] the blocks of X in the columns of ``leaf[t]``."""
    return torch.einsum("slp,stlq->sptq", blocks, (columns @ blocks)[leaf])


def _side_by_side(blocks: torch.Tensor, leaf: torch.Tensor, skeleton: Skeleton) -> torch.Tensor:
    """[N, T p] of blocks [T, L, p], block t in the rows of ``leaf[t]``."""
    T, L, p = blocks.shape
    wide = torch.zeros(skeleton.leaves, T, L, p, dtype=blocks.dtype)
    wide = wide.index_put((leaf, torch.arange(T)), blocks)
    return wide.transpose(1, 2).reshape(skeleton.cells, T * p)


def optimised_tiles(
    objective: TileObjective, skeleton: Skeleton, rank: int, start: float, steps: int, rate: float
) -> tuple[torch.Tensor, list[float]]:
    """Tiles [T, L, L] of ``rank``, and the objective along the way.

    They start from the best approximation of the exact tiles with a = ``start``; with a = 0 from U = 0 and the exact
    tiles' V.
    """
    left, right = factors(skeleton.exact_tiles(start or -1.0), rank)
    best, history = optimised([left if start else torch.zeros_like(left), right], objective, steps, rate)
    return best[0] @ best[1].mT, history


def optimised_weights(kaporin: Kaporin, steps: int, rate: float) -> tuple[torch.Tensor, list[float]]:
    """[K] weights in (0, 2) of the red-black sweep's leaves by the Kaporin number, from 1."""
    skeleton = kaporin.skeleton

    def objective(t: torch.Tensor) -> torch.Tensor:
        return kaporin(skeleton.dense(skeleton.sweep(2.0 * torch.sigmoid(t))))

    best, history = optimised([torch.zeros(skeleton.leaves, dtype=torch.float64)], objective, steps, rate)
    return 2.0 * torch.sigmoid(best[0]), history


def fitted_weights(
    skeleton: Skeleton, rhs: torch.Tensor, unrolled: int, steps: int, rate: float
) -> tuple[torch.Tensor, list[float]]:
    """[K] weights by the residual that ``unrolled`` iterations leave of this very right-hand side, from 1."""

    def objective(t: torch.Tensor) -> torch.Tensor:
        product = skeleton.deflated(skeleton.sweep(2.0 * torch.sigmoid(t)))
        return residuals(skeleton, product, rhs, unrolled)[-1].log()

    best, history = optimised([torch.zeros(skeleton.leaves, dtype=torch.float64)], objective, steps, rate)
    return 2.0 * torch.sigmoid(best[0]), history


def optimised(
    start: list[torch.Tensor], objective: Callable[..., torch.Tensor], steps: int, rate: float
) -> tuple[list[torch.Tensor], list[float]]:
    """Adam, its rate falling to zero along a cosine: the best parameters met, and the objective step by step."""
    parameters = [p.clone().requires_grad_() for p in start]
    adam = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    best, history = start, []
    for _ in range(steps):
        adam.zero_grad()
        value = objective(*parameters)
        if not history or value.item() < min(history):
            best = [p.detach().clone() for p in parameters]
        history.append(value.item())
        value.backward()
        adam.step()
        schedule.step()
    return best, history
