"""Random frames of a fluid that changes, and their check against direct solutions."""

from __future__ import annotations

import numpy as np
import oracle

from hpsolver import Solver

SIDES = {"wall": "wall", "open": "open", "mixed": (("open", "wall"), "periodic", "wall"), "periodic": "periodic"}
SHAPES = {"2D": (21, 26), "3D": (9, 12, 10)}


def scene(shape: tuple[int, ...], rng: np.random.Generator, solid: float, air: float) -> dict[str, np.ndarray]:
    return {"solid": rng.random(shape) < solid, "air": rng.random(shape) < air}


def boundary_of(sides: str, shape: tuple[int, ...]):
    return SIDES[sides] if isinstance(SIDES[sides], str) else SIDES[sides][: len(shape)]


def check(solver: Solver, density, rhs, A, outside: np.ndarray, tolerance: float = 1e-7, **moving) -> None:
    """Solves one frame and compares it with a direct solution; ``A`` is the oracle's matrix."""
    p = solver.step(density, rhs, **moving)
    info = solver.info
    assert info.converged, info
    expected, _ = oracle.solve(A, rhs, outside)
    assert not p[outside].any()
    assert oracle.residual(A, p, rhs, outside) <= 2e-10
    assert abs(p - expected).max() <= tolerance * max(abs(expected).max(), 1e-30)
