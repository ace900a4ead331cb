"""Ways to choose a leaf's coarse functions, as fp64 references in energy coordinates (``congruence.py``).

All choose among *candidates*: start functions after the inverse step, orthonormal in energy, the leaf's constant first
and always kept. What a function is worth is

- its **gain**, an eigenvalue of the leaf's block of (Y^T A Y)^-1, Y all candidates (derived in
  ``hpsolver.network.oracle``): best possible in the trace of what deflation leaves, at the price of a large inverse;
- the same from **one ring**: Y^T A Y of a leaf and its neighbours only, corners included, the faces to everyone else
  closed as in the inverse step;
- from the **neighbours**, each eliminated alone, as the library does (``hpsolver.preconditioners.selection``);
- or, from the leaf alone, **spectral** as in GenEO (Spillane et al. 2014): 1 / lambda of

      (A_i^N + 1e-6 D_i) v = lambda A_ii v,

  A_i^N the leaf with closed faces: functions that flow to the neighbours only, and so feel none of them in A_i^N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hpsolver.kernels.selection import ELIMINATED
from scipy import sparse
from scipy.sparse import linalg

from hpsolver.network.coupling import SHIFT

from .congruence import Skeleton

SPECTRAL_SHIFT = 1e-6
"""Of the diagonal. The constant has been taken out, so that it only bounds lambda in leaves torn in parts."""

RING_SHIFT = 1e-6
"""Of the identity, for patches torn in parts."""


@dataclass(frozen=True)
class Ranking:
    """A leaf's functions, best first.

    Attributes:
        worth: [K, C].
        functions: [K, L, C], orthonormal in energy and orthogonal to the constant.
        constant: [K, L, 1].
    """

    worth: torch.Tensor
    functions: torch.Tensor
    constant: torch.Tensor

    def basis(self, ranks: torch.Tensor | int) -> torch.Tensor:
        """[K, L, R] the constant and the best others, ``ranks`` [K] in all (or one for all), then columns of zeros."""
        ranks = torch.as_tensor(ranks).expand(len(self.worth))
        kept = torch.arange(int(ranks.max()) - 1) < ranks[:, None] - 1
        return torch.cat([self.constant, self.functions[..., : kept.shape[1]] * kept[:, None]], dim=-1)

    def ranks(self, mean: int, most: int) -> torch.Tensor:
        """[K] functions of each leaf by one threshold on what they are worth: 1 to ``most``, ``mean`` on average."""
        worth = self.worth[:, : most - 1]
        best = worth.flatten().argsort(descending=True, stable=True)[: len(worth) * (mean - 1)]
        return 1 + torch.bincount(best // worth.shape[1], minlength=len(worth))


def strips(extent: tuple[int, int, int], functions: int) -> np.ndarray:
    """[functions, L] start functions that span what ``haar`` spans if of equally long axes always the first is halved,
    as it once was; functions + 1 a power of two."""
    size = np.array(extent)
    while np.prod(extent) // np.prod(size) <= functions:
        size[np.argmax(size)] //= 2
    box = np.indices(extent).reshape(3, -1).T // size
    _, part = np.unique(box, axis=0, return_inverse=True)
    indicators = (part.ravel() == np.arange(functions + 1)[:, None]).astype(float)
    return indicators[1:] - indicators[:1]


def candidates(skeleton: Skeleton, start: np.ndarray) -> torch.Tensor:
    """[K, L, F + 1] the constant and the start functions [F, L] after the inverse step, orthonormal: with few of them
    the classical basis."""
    diagonal = skeleton.factor.square().sum(dim=2)
    closed = skeleton.factor @ skeleton.factor.mT
    closed += torch.diag_embed(
        SHIFT * diagonal - torch.zeros_like(diagonal).index_add(0, skeleton.row, leaving(skeleton))
    )
    z = torch.linalg.solve(closed, diagonal[..., None] * torch.from_numpy(start).double().T)
    z = z - z.mean(dim=1, keepdim=True)
    z = z / z.norm(dim=1, keepdim=True)
    basis, _ = torch.linalg.qr(skeleton.factor.mT @ torch.cat([torch.ones_like(z[..., :1]), z], dim=-1))
    return basis


def leaving(skeleton: Skeleton) -> torch.Tensor:
    """[T, L] conductances from each cell of leaf ``row`` to leaf ``column``."""
    ones = skeleton.factor.sum(dim=1)[..., None]
    return -(skeleton.factor[skeleton.row] @ (skeleton.tiles @ ones[skeleton.column]))[..., 0]


def in_cells(skeleton: Skeleton, functions: torch.Tensor) -> torch.Tensor:
    return torch.linalg.solve_triangular(skeleton.factor.mT, functions, upper=True)


def ranked(matrices: torch.Tensor, basis: torch.Tensor) -> Ranking:
    """By the eigenvalues of symmetric ``matrices`` [K, C, C], in all functions of the basis [K, L, C + 1] but the
    first."""
    worth, vectors = torch.linalg.eigh(0.5 * (matrices + matrices.mT))
    return Ranking(worth.flip(-1), (basis[..., 1:] @ vectors).flip(-1), basis[..., :1])


def by_gain(skeleton: Skeleton, basis: torch.Tensor) -> Ranking:
    """The oracle: best of the candidates [K, L, C + 1], leaf by leaf."""
    K, _, R = basis.shape
    inverse = skeleton.with_basis(basis).coarse_inverse.view(K, R, K, R)
    return ranked(inverse.diagonal(dim1=0, dim2=2).movedim(-1, 0)[:, 1:, 1:], basis)


def by_gain_of_all(skeleton: Skeleton, A: sparse.sparray) -> Ranking:
    """Best of all functions.

    Args:
        skeleton: the frame.
        A: its matrix [N, N] in brick order, with walls all round. One cell may be pinned: that adds multiples of the
            constant to columns and rows of the inverse, to which the functions are orthogonal.
    """
    K, L, _ = skeleton.factor.shape
    constant = skeleton.factor.sum(dim=1)[..., None]
    basis, _ = torch.linalg.qr(
        torch.cat([constant, torch.eye(L, dtype=torch.float64).expand(K, L, L)[..., 1:]], dim=-1)
    )
    loads = (skeleton.factor @ basis[..., 1:]).numpy()
    inverse = linalg.splu(A.tocsc()[:-1, :-1], permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    own = np.empty((K, L - 1, L - 1))
    for leaf, load in enumerate(loads):
        rows = slice(leaf * L, (leaf + 1) * L)
        right = np.zeros((K * L, L - 1))
        right[rows] = load
        answer = np.zeros_like(right)
        answer[:-1] = inverse.solve(right[:-1])
        own[leaf] = load.T @ answer[rows]
    return ranked(torch.from_numpy(own), basis)


def by_gain_of_ring(skeleton: Skeleton, basis: torch.Tensor, coordinates: np.ndarray) -> Ranking:
    """Best of the candidates as far as a leaf and the ring around it can tell; ``coordinates`` [K, 3] of the leaves."""
    K, _, R = basis.shape
    galerkin = skeleton.with_basis(basis).galerkin().view(K, R, K, R)
    z = in_cells(skeleton, basis)[skeleton.row]
    closing = z.mT @ (leaving(skeleton)[..., None] * z)
    constant = (basis.mT @ skeleton.factor.sum(dim=1)[..., None])[..., 0]
    own = torch.empty(K, R, R, dtype=torch.float64)
    for leaf in range(K):
        near = torch.from_numpy(np.abs(coordinates - coordinates[leaf]).max(axis=1) <= 1)
        there = torch.nonzero(near).ravel()
        outside = near[skeleton.row] & ~near[skeleton.column]
        closed = torch.zeros(K, R, R, dtype=torch.float64).index_add(0, skeleton.row[outside], closing[outside])
        patch = galerkin[there][:, :, there].reshape(len(there) * R, -1) - torch.block_diag(*closed[there])
        null = constant[there].flatten() / constant[there].norm()
        patch = patch + torch.outer(null, null) + RING_SHIFT * torch.eye(len(null), dtype=torch.float64)
        inverse = torch.linalg.inv(patch).view(len(there), R, len(there), R)
        place = int(near[:leaf].sum())
        own[leaf] = inverse[place, :, place]
    return ranked(own[:, 1:, 1:], basis)


def by_neighbors(skeleton: Skeleton, basis: torch.Tensor) -> Ranking:
    """The library's choice, for leaves of one piece: 1 / lambda of the leaf with its neighbours eliminated, each closed
    to everyone else, then the constant."""
    few = basis[..., :ELIMINATED]
    across = basis[skeleton.row].mT @ (skeleton.tiles @ few[skeleton.column])
    z = in_cells(skeleton, few)[skeleton.row]
    closing = z.mT @ (leaving(skeleton)[..., None] * z)
    others = torch.zeros_like(closing[:1]).repeat(len(basis), 1, 1).index_add(0, skeleton.row, closing)
    place = {pair: t for t, pair in enumerate(zip(skeleton.row.tolist(), skeleton.column.tolist(), strict=True))}
    back = torch.tensor([place[j, i] for i, j in place])
    eye = torch.eye(few.shape[-1], dtype=torch.float64)
    closed = (1.0 + RING_SHIFT) * eye - others[skeleton.column] + closing[back]
    messages = across @ torch.linalg.solve(closed, across.mT)
    P = torch.eye(basis.shape[-1], dtype=torch.float64).repeat(len(basis), 1, 1).index_add(0, skeleton.row, -messages)
    P = P + RING_SHIFT * torch.eye(basis.shape[-1], dtype=torch.float64)
    left = P[:, 1:, 1:] - P[:, 1:, :1] @ P[:, :1, 1:] / P[:, :1, :1]
    return ranked(torch.linalg.inv(left), basis)


def by_spectrum(skeleton: Skeleton, basis: torch.Tensor) -> Ranking:
    """Lowest eigenvectors of the closed leaf against the leaf, among the candidates."""
    z = in_cells(skeleton, basis[..., 1:])
    diagonal = SPECTRAL_SHIFT * skeleton.factor.square().sum(dim=2)
    diagonal = diagonal.index_add(0, skeleton.row, -leaving(skeleton))
    closed = torch.eye(z.shape[-1], dtype=torch.float64) + z.mT @ (diagonal[..., None] * z)
    return ranked(torch.linalg.inv(closed), basis)
