"""cuDSS, NVIDIA's sparse direct solver, through nvmath-python."""

from __future__ import annotations

import importlib
from typing import ClassVar

import numpy as np

from .gpu import GpuRival
from .stencil import Stencil


class CuDss(GpuRival):
    """Cholesky; ordering and symbolic factorisation once, a numeric factorisation for each density."""

    name, package, module = "cuDSS (nvmath)", "nvmath-python", "nvmath.sparse.advanced"
    settings: ClassVar = {"type": "SPD", "view": "UPPER", "cell": "first pinned", "plan": "once"}
    iterations = 1

    @property
    def version(self) -> str:
        return importlib.import_module("nvmath").__version__

    def prepare(self, shape: tuple[int, ...], tolerance: float, max_iterations: int) -> None:
        advanced = importlib.import_module(self.module)
        sparse, cupy = importlib.import_module("cupyx.scipy.sparse"), self.cupy
        self._stencil, self._shape = Stencil(shape, pinned=True, upper=True, arrays=cupy), shape
        stencil = self._stencil
        entries = (stencil.values(cupy.ones(shape)), stencil.indices, stencil.indptr)
        self._A = sparse.csr_matrix(entries, shape=(stencil.rows,) * 2)
        self._b = cupy.zeros(stencil.rows)
        options = advanced.DirectSolverOptions(
            sparse_system_type=advanced.DirectSolverMatrixType.SPD,
            sparse_system_view=advanced.DirectSolverMatrixViewType.UPPER,
        )
        self._solver = advanced.DirectSolver(self._A, self._b, options=options)
        self._solver.plan()

    def setup(self, density) -> None:
        self._A.data[...] = self._stencil.values(density)  # nvmath holds these arrays: no new operands
        self._solver.factorize()
        self.wait()

    def solve(self, rhs):
        self._b[...] = rhs.ravel()[1:]
        x = self._solver.solve()
        self.wait()
        return x

    def fetch(self, pressure) -> np.ndarray:
        return np.concatenate([[0.0], super().fetch(pressure)]).reshape(self._shape)

    def close(self) -> None:
        self._solver.free()
