"""What is timed: our preconditioners, and libraries a user would pick instead, behind one call.

Every rival gets one frame (density, zero-mean rhs) and must return a pressure whose TRUE residual is at the tolerance;
whatever depends on the density is inside the call.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from hpsolver import Solver
from hpsolver.preconditioners import Schwarz

Solve = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, int]]
"""(density, rhs) -> (pressure, iterations)."""

VARIANTS = {
    "schwarz (default)": lambda: "schwarz",
    "schwarz, deflated": lambda: Schwarz(sweep="additive"),
    "schwarz, additive": lambda: Schwarz(deflated=False, sweep="additive"),
    "schwarz, leaves of 64": lambda: Schwarz(leaf_size=64),
    "jacobi": lambda: "jacobi",
}


def ours(name: str, shape: tuple[int, ...], tolerance: float) -> tuple[Solve, Solver]:
    solver = Solver(shape, preconditioner=VARIANTS[name](), tolerance=tolerance, max_iterations=20000, device="cpu")

    def solve(density: np.ndarray, rhs: np.ndarray) -> tuple[np.ndarray, int]:
        pressure = solver.step(density, rhs)
        return pressure, solver.info.iterations

    return solve, solver


def assemble(density: np.ndarray) -> sp.csr_matrix:
    """A with walls, unit spacing and the harmonic face rule: what SciPy users would write."""
    number = np.arange(density.size).reshape(density.shape)
    rows, columns, values = [], [], []
    for axis in range(density.ndim):
        first, second = (np.moveaxis(number, axis, 0)[part].ravel() for part in (slice(None, -1), slice(1, None)))
        c = 0.5 / density.ravel()[first] + 0.5 / density.ravel()[second]
        rows += [first, second]
        columns += [second, first]
        values += [-c, -c]
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    off = sp.csr_matrix(entries, shape=(density.size,) * 2)
    return (off - sp.diags(np.asarray(off.sum(axis=1)).ravel())).tocsr()


def _cg(A: sp.csr_matrix, b: np.ndarray, M, tolerance: float) -> tuple[np.ndarray, int]:
    count = [0]

    def step(_x):
        count[0] += 1

    x, _ = spla.cg(A, b, rtol=tolerance, atol=0.0, maxiter=20000, M=M, callback=step)
    return x, count[0]


def scipy_jacobi(tolerance: float) -> Solve:
    def solve(density, rhs):
        A = assemble(density)
        x, count = _cg(A, rhs.ravel(), sp.diags(1.0 / A.diagonal()), tolerance)
        return x.reshape(rhs.shape), count

    return solve


def pyamg_cg(kind: str, tolerance: float) -> Solve:
    import pyamg

    setup = {"SA": pyamg.smoothed_aggregation_solver, "RS": pyamg.ruge_stuben_solver}[kind]

    def solve(density, rhs):
        A = assemble(density)
        x, count = _cg(A, rhs.ravel(), setup(A, max_coarse=50).aspreconditioner(), tolerance)
        return x.reshape(rhs.shape), count

    return solve


def super_lu() -> Solve:
    """SciPy's direct solver; one cell is fixed, which takes the null space away."""

    def solve(density, rhs):
        A = assemble(density)[1:, 1:].tocsc()
        x = spla.splu(A, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0)
        return np.concatenate([[0.0], x.solve(rhs.ravel()[1:])]).reshape(rhs.shape), 1

    return solve


def external(tolerance: float) -> dict[str, Solve]:
    rivals = {"SciPy CG + Jacobi": scipy_jacobi(tolerance), "SciPy SuperLU": super_lu()}
    rivals["PyAMG smoothed aggregation + CG"] = pyamg_cg("SA", tolerance)
    rivals["PyAMG Ruge-Stuben + CG"] = pyamg_cg("RS", tolerance)
    return rivals
