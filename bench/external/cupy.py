"""CuPy: conjugate gradients with the diagonal, on the GPU."""

from __future__ import annotations

import importlib
import inspect

from .gpu import GpuRival
from .scipy import cg_to_true_residual
from .stencil import Stencil


class CupyCg(GpuRival):
    name, package, module = "CuPy CG + Jacobi", "cupy-cuda12x", "cupy"

    def prepare(self, shape: tuple[int, ...], tolerance: float, max_iterations: int) -> None:
        self._sparse = importlib.import_module("cupyx.scipy.sparse")
        self._linalg = importlib.import_module("cupyx.scipy.sparse.linalg")
        self._stencil, self._shape = Stencil(shape, arrays=self.cupy), shape
        self._tolerance, self._limit = tolerance, max_iterations

    def setup(self, density) -> None:
        stencil = self._stencil
        entries = (stencil.values(density), stencil.indices, stencil.indptr)
        self._A = self._sparse.csr_matrix(entries, shape=(stencil.rows,) * 2)
        inverse = 1.0 / self._A.diagonal()
        self._M = self._linalg.LinearOperator(self._A.shape, matvec=lambda r: inverse * r, dtype=inverse.dtype)

    def solve(self, rhs):
        self.iterations = 0
        relative = "rtol" if "rtol" in inspect.signature(self._linalg.cg).parameters else "tol"
        stop = {relative: self._tolerance, "atol": 0.0, "M": self._M}
        cg, b = self._linalg.cg, rhs.ravel()
        x = cg_to_true_residual(cg, self._A, b, self._tolerance, self._limit, self._count, **stop)
        self.wait()
        return x.reshape(self._shape)

    def _count(self, _x) -> None:
        self.iterations += 1
