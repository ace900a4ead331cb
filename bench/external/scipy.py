"""SciPy: conjugate gradients with the diagonal, and SuperLU."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from bench.harness.rival import Rival

from .stencil import Stencil

CYCLES = 5


def cg_to_true_residual(
    cg: Callable, A, b, tolerance: float, max_iterations: int, count: Callable, **options: object
) -> object:
    """x with ||b - A x|| <= tolerance ||b||: ``cg`` stops on its recurrence, so it may have to go on from there.

    Args:
        cg: ``scipy.sparse.linalg.cg`` or one like it, whose only convergence test is ``rtol``.
        count: called once an iteration.
        options: what else ``cg`` takes.
    """
    x, target = None, tolerance * float((b @ b) ** 0.5)
    for _ in range(CYCLES):
        x, unfinished = cg(A, b, x0=x, maxiter=max_iterations, callback=count, **options)
        r = b - A @ x
        if unfinished or float((r @ r) ** 0.5) <= target:
            break
    return x


class ScipyIterative(Rival):
    """SciPy's conjugate gradients; a subclass says what M is."""

    def prepare(self, shape: tuple[int, ...], tolerance: float, max_iterations: int) -> None:
        self._stencil, self._shape = Stencil(shape), shape
        self._tolerance, self._limit = tolerance, max_iterations

    def setup(self, density: np.ndarray) -> None:
        stencil = self._stencil
        entries = (stencil.values(density), stencil.indices, stencil.indptr)
        self._A = sp.csr_matrix(entries, shape=(stencil.rows,) * 2)
        self._M = self.preconditioner(self._A)

    @abc.abstractmethod
    def preconditioner(self, A: sp.csr_matrix) -> spla.LinearOperator:
        """M for a matrix."""

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        self.iterations = 0
        stop = {"rtol": self._tolerance, "atol": 0.0, "M": self._M}
        x = cg_to_true_residual(spla.cg, self._A, rhs.ravel(), self._tolerance, self._limit, self._count, **stop)
        return x.reshape(self._shape)

    def _count(self, _x: np.ndarray) -> None:
        self.iterations += 1


class ScipyCg(ScipyIterative):
    name, package, module = "SciPy CG + Jacobi", "scipy", "scipy"

    def preconditioner(self, A: sp.csr_matrix) -> spla.LinearOperator:
        inverse = 1.0 / A.diagonal()
        return spla.LinearOperator(A.shape, matvec=lambda r: inverse * r, dtype=np.float64)


class SuperLu(Rival):
    name, package, module = "SciPy SuperLU", "scipy", "scipy"
    settings: ClassVar = {
        "permc_spec": "MMD_AT_PLUS_A",
        "SymmetricMode": True,
        "diag_pivot_thresh": 0.0,
        "cell": "first pinned",
    }
    iterations = 1

    def prepare(self, shape: tuple[int, ...], tolerance: float, max_iterations: int) -> None:
        self._stencil, self._pressure = Stencil(shape, pinned=True), np.zeros(shape)

    def setup(self, density: np.ndarray) -> None:
        stencil = self._stencil
        entries = (stencil.values(density), stencil.indices, stencil.indptr)  # CSC too, since A is symmetric
        A = sp.csc_matrix(entries, shape=(stencil.rows,) * 2)
        self._factors = spla.splu(A, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        self._pressure.ravel()[1:] = self._factors.solve(rhs.ravel()[1:])
        return self._pressure
