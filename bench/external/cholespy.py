"""cholespy: CHOLMOD's supernodal Cholesky on the CPU, in a self-contained wheel."""

from __future__ import annotations

import importlib
from typing import ClassVar

import numpy as np

from bench.harness.rival import Rival

from .stencil import Stencil


class Cholespy(Rival):
    name, package, module = "cholespy", "cholespy", "cholespy"
    settings: ClassVar = {
        "precision": "double",
        "cell": "first pinned",
        "analysis": "each frame (its API has no other)",
    }
    iterations = 1

    def prepare(self, shape: tuple[int, ...], tolerance: float, max_iterations: int) -> None:
        self._library = importlib.import_module("cholespy")
        self._stencil, self._pressure = Stencil(shape, pinned=True), np.zeros(shape)

    def setup(self, density: np.ndarray) -> None:
        stencil, library = self._stencil, self._library
        structure = (stencil.indptr, stencil.indices)
        self._factor = library.CholeskySolverD(
            stencil.rows, *structure, stencil.values(density), library.MatrixType.CSR
        )

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        self._factor.solve(np.ascontiguousarray(rhs.ravel()[1:]), self._pressure.ravel()[1:])
        return self._pressure

    def close(self) -> None:
        del self._factor
