"""Near-field preconditioners of one frame in Torch, fp64: references and oracles, in energy coordinates.

Let L_i L_i^T = A_ii leaf by leaf, L = blkdiag(L_i). With x' = L^T x, r' = L^-1 r, A' = L^-1 A L^-T and M' = L^T M L
PCG takes the same steps, a leaf's inverse is the identity, and the Euclidean norm of a leaf is its energy. Below all
is in these coordinates, without the primes. Y_i is an orthonormal basis of the leaf's coarse functions, N the part of A
between leaves, A = I + N, and Q = Y (Y^T A Y)^-1 Y^T. Then

- the leaf part of the additive skeleton M0 is the projector P = I - Y Y^T, and M0 = P + Q (``Skeleton.additive``);
- **exact tiles**, M = (I + E) M0 (I + E)^T with E = -a P N: one step of block Jacobi, damped by a, on what the
  neighbours' corrections do to a leaf, from both sides. A congruence, so M is symmetric positive definite for every E
  without eigenvalue -1, and a = 0 is M0. E's tile (i, j) has as many columns that are not zero, in the cells of j,
  as the leaves have common faces;
- the best approximation of a tile by one of rank p, in the energy norm, is its singular value decomposition here;
- the **red-black sweep**, with C = N from black to red, is a congruence as well, with tiles of one direction:

      B = [I -C; 0 I] [I 0; -C^T I],      A^-1 = [I -C; 0 I] diag(I, S^-1) [I 0; -C^T I],      S = I - C^T C:

  red leaves are eliminated exactly, and the Schur complement S of the black ones is preconditioned with the identity.
  So weights of the red leaves other than 1 only spoil the elimination, and what is left to choose in the black leaves
  is D in diag(I, D^-1). Over all block-diagonal D, tr(D^-1 S) / m - log det(D^-1) / m, the Kaporin number, is smallest
  for D_i = S_ii (``Skeleton.schur_blocks``): known, not to be learned. With weights w in (0, 2), first and last visit
  of a leaf alike, B stays positive definite: I - B A is then a product of A-contractions and their adjoints around the
  middle one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from hpsolver import Solver
from hpsolver.network.coupling import coarse_basis
from hpsolver.network.poisson import Lattice, assembled_operator
from hpsolver.preconditioners.haar import haar

Product = Callable[[torch.Tensor], torch.Tensor]
"""M r for r [K, L, P]."""


@dataclass(frozen=True)
class Skeleton:
    """A frame's A, its leaves and its coarse space; K leaves of L cells, R functions a leaf, T = tiles of N.

    Attributes:
        factor: [K, L, L] the lower triangular L_i.
        tiles: [T, L, L] of N, from leaf ``column`` [T] to leaf ``row`` [T].
        basis: [K, L, R] Y_i.
        coarse_inverse: [K R, K R] of Y^T A Y, its null vector, if there is one, shifted to 1.
        null: [K, L] unit vector that A maps to zero, or zeros.
        red: [K] 1.0 for leaves of the first colour.
        halfwidth: of a leaf's band.
    """

    factor: torch.Tensor
    row: torch.Tensor
    column: torch.Tensor
    tiles: torch.Tensor
    basis: torch.Tensor
    coarse_inverse: torch.Tensor
    null: torch.Tensor
    red: torch.Tensor
    halfwidth: int

    @classmethod
    def of_solver(cls, solver: Solver, functions: int) -> Skeleton:
        """Of the last frame, with the classical basis; the grid is to consist of whole leaves in two colours."""
        bricks = solver.system.bricks
        if (bricks.cell < 0).any() or len(bricks.colors) != 2:
            raise ValueError(f"needs whole leaves in two colours, got a grid of {solver.grid.shape}")
        K, L = bricks.leaves, bricks.leaf_size
        blocks = solver.matrix()[bricks.cell][:, bricks.cell].tobsr((L, L))
        blocks.sort_indices()
        row = torch.from_numpy(np.repeat(np.arange(K), np.diff(blocks.indptr)))
        column, values = torch.from_numpy(blocks.indices.astype(np.int64)), torch.from_numpy(blocks.data)
        own = row == column
        factor = torch.linalg.cholesky(values[own])
        row, column = row[~own], column[~own]
        half = torch.linalg.solve_triangular(factor[row], values[~own], upper=False)
        tiles = torch.linalg.solve_triangular(factor[column], half.mT, upper=False).mT

        start = torch.from_numpy(haar(bricks.extent, max(functions - 1, 1)))[: functions - 1]
        operator = assembled_operator(Lattice(solver.system), solver.system)
        phi = coarse_basis(operator, start.expand(1, K, -1, -1))[0]
        basis, _ = torch.linalg.qr(factor.mT @ phi)
        null = torch.zeros(K, L, dtype=torch.float64)
        if solver.system.regions.count:
            null = factor.sum(dim=1)  # L^T 1
            null = null / null.norm()
        red = torch.zeros(K, dtype=torch.float64)
        red[torch.from_numpy(bricks.colors[0].astype(np.int64))] = 1.0
        return cls(factor, row, column, tiles, basis, torch.empty(0), null, red, bricks.halfwidth).with_basis(basis)

    def with_basis(self, basis: torch.Tensor) -> Skeleton:
        """The frame with another basis [K, L, R], orthonormal leaf by leaf; a column of zeros stands for a function
        that a leaf does not have."""
        made = replace(self, basis=basis)
        null = (basis.mT @ self.null[..., None]).flatten()
        galerkin = made.galerkin() + torch.outer(null, null)
        galerkin += torch.diag((basis == 0.0).all(dim=1).flatten().double())  # no unknown: 1 times 0
        return replace(made, coarse_inverse=torch.linalg.inv(galerkin))

    def galerkin(self) -> torch.Tensor:
        """[K R, K R] Y^T A Y."""
        eye = torch.eye(self.leaves * self.basis.shape[2], dtype=torch.float64)
        galerkin = self.restrict(self.multiply(self.prolong(eye)))
        return 0.5 * (galerkin + galerkin.mT)

    @property
    def leaves(self) -> int:
        return len(self.factor)

    @property
    def cells(self) -> int:
        return self.leaves * self.factor.shape[1]

    def between(self, tiles: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """E x for tiles of E placed as those of N."""
        return torch.zeros_like(x).index_add(0, self.row, tiles @ x[self.column])

    def between_transposed(self, tiles: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x).index_add(0, self.column, tiles.mT @ x[self.row])

    def multiply(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.between(self.tiles, x)

    def restrict(self, r: torch.Tensor) -> torch.Tensor:
        return (self.basis.mT @ r).flatten(0, 1)

    def prolong(self, c: torch.Tensor) -> torch.Tensor:
        return self.basis @ c.unflatten(0, (self.leaves, -1))

    def coarse(self, r: torch.Tensor) -> torch.Tensor:
        """Q r."""
        return self.prolong(self.coarse_inverse @ self.restrict(r))

    def complement(self, x: torch.Tensor) -> torch.Tensor:
        """P x."""
        return x - self.basis @ (self.basis.mT @ x)

    def additive(self, r: torch.Tensor) -> torch.Tensor:
        """M0 r."""
        return self.complement(r) + self.coarse(r)

    def deflated(self, near: Product) -> Product:
        """A-DEF2: r -> B r + Q (r - A B r)."""

        def product(r: torch.Tensor) -> torch.Tensor:
            y = near(r)
            return y + self.coarse(r - self.multiply(y))

        return product

    def sweep(self, weight: torch.Tensor | float = 1.0, middle: torch.Tensor | None = None, rounds: int = 1) -> Product:
        """B r, red, black, red.

        Args:
            weight: of the leaves' corrections, [K] or one for all, in (0, 2).
            middle: [K, L, L] instead of the identity in black leaves.
            rounds: how often black and red follow after the first red.
        """
        weight = torch.as_tensor(weight, dtype=torch.float64).expand(self.leaves)
        red, black = ((weight * on)[:, None, None] for on in (self.red, 1.0 - self.red))

        def product(r: torch.Tensor) -> torch.Tensor:
            y = red * r
            for _ in range(rounds):
                left = r - self.multiply(y)
                y = y + black * (left if middle is None else middle @ left)
                y = y + red * (r - self.multiply(y))
            return y

        return product

    def exact_tiles(self, a: float) -> torch.Tensor:
        """[T, L, L] of E = -a P N."""
        basis = self.basis[self.row]
        return -a * (self.tiles - basis @ (basis.mT @ self.tiles))

    def congruence(self, tiles: torch.Tensor, inner: Product) -> Product:
        """r -> (I + E) inner (I + E)^T r."""

        def product(r: torch.Tensor) -> torch.Tensor:
            z = inner(r + self.between_transposed(tiles, r))
            return z + self.between(tiles, z)

        return product

    def schur_blocks(self, *, banded: bool) -> torch.Tensor:
        """[K, L, L] inverses of the diagonal blocks S_ii, the identity for red leaves.

        With ``banded``, what of A_ii - S_ii (in cell coordinates) lies outside the band of A_ii is left out, so that
        the factors of a leaf keep their size. A_ii - S_ii has no negative entries and S_ii is an M-matrix with row sums
        >= 0, so that it stays positive definite.
        """
        eye = torch.eye(self.factor.shape[1], dtype=torch.float64)
        lost = torch.zeros_like(self.factor).index_add(0, self.row, self.tiles @ self.tiles.mT)
        if banded:
            cell = torch.arange(len(eye))
            near = (cell[:, None] - cell).abs() <= self.halfwidth
            lost = (self.factor @ lost @ self.factor.mT) * near
            lost = torch.linalg.solve_triangular(self.factor, lost, upper=False)
            lost = torch.linalg.solve_triangular(self.factor, lost.mT, upper=False)
        return torch.linalg.inv(eye - lost * (1.0 - self.red)[:, None, None])

    def dense(self, product: Product) -> torch.Tensor:
        """[N, N] of a product, in energy coordinates."""
        eye = torch.eye(self.cells, dtype=torch.float64)
        return product(eye.unflatten(0, (self.leaves, -1))).flatten(0, 1)

    def to_cells(self, matrix: torch.Tensor) -> torch.Tensor:
        """M [N, N] in cell coordinates, brick order: L^-T M' L^-1."""
        upper = torch.block_diag(*self.factor).mT
        half = torch.linalg.solve_triangular(upper, matrix, upper=True)
        return torch.linalg.solve_triangular(upper, half.mT, upper=True).mT


def truncated(tiles: torch.Tensor, rank: int) -> torch.Tensor:
    """Best approximations of ``rank``."""
    left, right = factors(tiles, rank)
    return left @ right.mT


def factors(tiles: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """U, V [T, L, rank] with U V^T the best approximation, the singular values shared between them."""
    left, values, right = torch.linalg.svd(tiles)
    root = values[:, None, :rank].sqrt()
    return left[..., :rank] * root, right.mT[..., :rank] * root


def residuals(skeleton: Skeleton, product: Product, rhs: torch.Tensor, steps: int, until: float = 0.0) -> torch.Tensor:
    """||b - A x|| / ||b|| of PCG's first iterates from x = Q b, which every preconditioner is given: at most steps + 1.

    Args:
        skeleton: the frame.
        product: of the preconditioner.
        rhs: [K, L] b, in cells.
        steps: iterations.
        until: stops there.
    """
    b = torch.linalg.solve_triangular(skeleton.factor, rhs[..., None], upper=False)
    r = b - skeleton.multiply(skeleton.coarse(b))
    norms = [(skeleton.factor @ r).norm() / rhs.norm()]
    p, rz = torch.zeros_like(r), 1.0
    for _ in range(steps):
        if norms[-1] <= until:
            break
        z = product(r)
        rz, before = (r * z).sum(), rz
        p = z + (rz / before) * p
        q = skeleton.multiply(p)
        r = r - (rz / (p * q).sum()) * q
        norms.append((skeleton.factor @ r).norm() / rhs.norm())
    return torch.stack(norms)


def iterations(skeleton: Skeleton, product: Product, rhs: torch.Tensor, tolerance: float) -> float:
    """Iterations to the tolerance; where between the last two it was met is interpolated in the logarithm."""
    with torch.no_grad():
        norms = residuals(skeleton, product, rhs, 500, tolerance).log()
    if norms[-1] > np.log(tolerance):
        return float("nan")
    if len(norms) == 1:
        return 0.0
    before, after = norms[-2].item(), norms[-1].item()
    return len(norms) - 2 + (before - np.log(tolerance)) / (before - after)
