"""Darcy flow in a two-phase medium, solved by ``hpsolver``: the data of the LRSA comparison.

-div(k grad u) = 1 on the unit square, k = 12 where a smooth random field is positive and 3 elsewhere (the values of the
usual Darcy benchmark), u = 0 on three sides ("open") and no flux through the floor ("wall"). The solver's density is
1 / k; its arithmetic mean on faces is the harmonic mean of k, that of two layers in series.
"""

from __future__ import annotations

import numpy as np

from hpsolver import Solver

BOUNDARY = ("open", ("wall", "open"))


def permeability(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Two-phase k, float64: a Gaussian random field of covariance (-laplace + 9)^-2 with no-flux sides, cut at zero."""
    frequencies = np.meshgrid(*(np.pi * np.arange(n) for n in shape), indexing="ij")
    spectrum = rng.standard_normal(shape) / (frequencies[0] ** 2 + frequencies[1] ** 2 + 9.0)
    spectrum[0, 0] = 0.0
    field = _cosines(shape[0]).T @ spectrum @ _cosines(shape[1])
    return np.where(field > 0, 12.0, 3.0)


def _cosines(n: int) -> np.ndarray:
    """[frequency, cell]: cosines at the cell centres."""
    return np.cos(np.pi * np.arange(n)[:, None] * (np.arange(n) + 0.5) / n)


def samples(count: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(k, u), each float32 [count, side, side]; u to a relative residual of 1e-6.

    Raises:
        hpsolver.SolveError: a frame did not converge.
    """
    rng = np.random.default_rng(seed)
    solver = Solver((side, side), spacing=1.0 / side, boundary=BOUNDARY, face_average="arithmetic", device="cpu")
    fields = np.stack([permeability((side, side), rng) for _ in range(count)])
    source, pressures = np.ones((side, side)), []
    for k in fields:
        pressures.append(solver.step(1.0 / k, source))
        solver.info.raise_for_status()
    return fields.astype(np.float32), np.stack(pressures).astype(np.float32)
