"""AMGX, NVIDIA's algebraic multigrid and multicolour DILU, through pyamgx (neither is on PyPI).

The configurations avoid what made others' AMGX figures meaningless: AMGX looks a parameter up in its own scope only,
and ``max_iters`` defaults to 100 everywhere (NVIDIA/AMGX issue 153), so an unlimited preconditioner runs 100 sweeps or
V-cycles in each iteration; a MULTICOLOR_DILU leaves 15 % of the rows uncoloured by default; and printing or timing
flags make it wait for the device.

What AMGX 2.5.0 taught us on an H100: ``zero_initial_guess`` does not clear x, it only takes r = b for granted, so x is
cleared here before each solve; and destroying one Resources frees the memory of all, so the process has one, destroyed
last. Its hierarchy is set up anew for each density: pyamgx cannot ask AMGX to renew the one that is there.
"""

from __future__ import annotations

import atexit
import importlib

import numpy as np

from .gpu import GpuRival
from .stencil import Stencil

QUIET = {"print_solve_stats": 0, "obtain_timings": 0, "store_res_history": 0}
ONE_APPLICATION = {"max_iters": 1, "monitor_residual": 0, **QUIET}

_SMOOTHER = {"scope": "smoother", "solver": "BLOCK_JACOBI", "relaxation_factor": 0.8, "monitor_residual": 0, **QUIET}
_AMG = {
    "solver": "AMG",
    "cycle": "V",
    "presweeps": 1,  # as many before as after: a symmetric cycle, as CG needs
    "postsweeps": 1,
    "smoother": _SMOOTHER,
    "coarse_solver": "NOSOLVER",  # smoothed only: the coarsest matrix is as singular as A
    "print_grid_stats": 0,
    "print_vis_data": 0,
}
PRECONDITIONERS = {
    "DILU": {"solver": "MULTICOLOR_DILU", "matrix_coloring_scheme": "MIN_MAX", "max_uncolored_percentage": 0.0},
    "aggregation AMG": {**_AMG, "algorithm": "AGGREGATION", "selector": "SIZE_2"},
    "classical AMG": {**_AMG, "algorithm": "CLASSICAL", "selector": "PMIS", "interpolator": "D2"},
}


def configuration(kind: str, tolerance: float, max_iterations: int) -> dict:
    """AMGX's settings: PCG to ``tolerance`` with one application of ``kind`` (``PRECONDITIONERS``) per iteration."""
    preconditioner = {"scope": "preconditioner", **PRECONDITIONERS[kind], **ONE_APPLICATION}
    return {
        "config_version": 2,
        "determinism_flag": 1,
        "solver": {
            "scope": "main",
            "solver": "PCG",
            "preconditioner": preconditioner,
            "tolerance": tolerance,
            "max_iters": max_iterations,
            "convergence": "RELATIVE_INI",
            "norm": "L2",
            "monitor_residual": 1,
            **QUIET,
        },
    }


class Amgx(GpuRival):
    """PCG in double precision (mode dDDI), the matrix structure uploaded once and its values replaced each frame."""

    package = module = "pyamgx"

    def __init__(self, kind: str):
        self.name, self._kind = f"AMGX {kind}", kind
        self.settings = configuration(kind, tolerance=1e-6, max_iterations=1000)

    def available(self) -> str | None:
        reason = super().available()
        if reason is None:
            try:
                importlib.import_module("cupy")
            except ImportError as error:
                return f"pyamgx is here, but its arrays need CuPy: {error}"
        return reason

    def prepare(self, shape: tuple[int, ...], tolerance: float, max_iterations: int) -> None:
        amgx = _library()
        self._shape, self._stencil = shape, Stencil(shape, arrays=self.cupy)
        stencil = self._stencil
        self._config = amgx.Config().create_from_dict(configuration(self._kind, tolerance, max_iterations))
        resources = _resources(amgx)
        self._A = amgx.Matrix().create(resources, mode="dDDI")
        self._b, self._x = (amgx.Vector().create(resources, mode="dDDI") for _ in range(2))
        self._solver = amgx.Solver().create(resources, self._config, mode="dDDI")
        self._nothing = self.cupy.zeros(stencil.rows)
        structure = (self.cupy.asnumpy(stencil.indptr), self.cupy.asnumpy(stencil.indices))
        self._A.upload(*structure, self.cupy.asnumpy(stencil.values(self.cupy.ones(shape))))
        self._solver.setup(self._A)

    def setup(self, density) -> None:
        self._A.replace_coefficients(self._stencil.values(density))
        self._solver.setup(self._A)
        self.wait()

    def solve(self, rhs):
        self._b.upload(rhs.ravel())
        self._x.upload(self._nothing)
        self._solver.solve(self._b, self._x, zero_initial_guess=True)
        self.wait()
        return self._x

    def fetch(self, pressure) -> np.ndarray:
        values = np.zeros(self._stencil.rows)
        pressure.download(values)
        return values.reshape(self._shape)

    @property
    def iterations(self) -> int:
        return self._solver.iterations_number

    def close(self) -> None:
        for thing in (self._solver, self._x, self._b, self._A, self._config):
            thing.destroy()


_SHARED: dict[str, object] = {}
"""The Resources of the process, and the Config they were made with."""


def _library():
    """pyamgx, initialised once a process."""
    module = importlib.import_module("pyamgx")
    if not getattr(module, "_hpsolver_bench", False):
        module.initialize()
        atexit.register(_finish, module)
        module._hpsolver_bench = True
    return module


def _resources(amgx):
    if not _SHARED:
        config = amgx.Config().create_from_dict({"config_version": 2})
        _SHARED.update(resources=amgx.Resources().create_simple(config), config=config)
    return _SHARED["resources"]


def _finish(module) -> None:
    for thing in _SHARED.values():
        thing.destroy()
    _SHARED.clear()
    module.finalize()
