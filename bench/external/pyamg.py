"""PyAMG's two classics as preconditioners of SciPy's conjugate gradients."""

from __future__ import annotations

import importlib
from typing import ClassVar

import scipy.sparse as sp
import scipy.sparse.linalg as spla

from .scipy import ScipyIterative


class PyAmg(ScipyIterative):
    """One V-cycle, rebuilt for each density.

    Args:
        kind: ``smoothed aggregation`` or ``Ruge-Stuben``.
    """

    package = module = "pyamg"
    settings: ClassVar = {
        "max_coarse": 50,
        "cycle": "V",
        "coarse_solver": "pinv, rtol 1e-12",
        "others": "PyAMG's defaults (symmetric Gauss-Seidel)",
    }
    """max_coarse 50 instead of 10: as many iterations, and faster here. The coarsest matrix is as singular as A. With
    its default rtol pinv at times inverts the zero eigenvalue, and smoothed aggregation diverges (bubbles 64x64)."""

    COARSE: ClassVar = ("pinv", {"rtol": 1e-12})

    SETUPS: ClassVar = {"smoothed aggregation": "smoothed_aggregation_solver", "Ruge-Stuben": "ruge_stuben_solver"}

    def __init__(self, kind: str):
        self.name = f"PyAMG {kind} + CG"
        self._build = self.SETUPS[kind]

    def preconditioner(self, A: sp.csr_matrix) -> spla.LinearOperator:
        build = getattr(importlib.import_module("pyamg"), self._build)
        hierarchy = build(A, max_coarse=self.settings["max_coarse"], coarse_solver=self.COARSE)
        return hierarchy.aspreconditioner(cycle=self.settings["cycle"])
