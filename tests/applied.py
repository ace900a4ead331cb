"""M of a solver's preconditioner: its columns from unit vectors, and its product with one vector."""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver import Solver


def applied(solver: Solver) -> tuple[np.ndarray, float]:
    """([cells, cells] M as the device applies it, row-major; largest error of its r.z)."""
    system = solver.system
    cells = system.grid.cells
    r, z = (system.zeros(system.size, system.krylov_type) for _ in range(2))
    rz = system.zeros(solver.preconditioner.products, wp.float64)
    M, error = np.empty((cells, cells)), 0.0
    for k in range(cells):
        unit = np.zeros(cells)
        unit[k] = 1.0
        r.assign(system.bricks.to_bricks(unit.reshape(system.grid.shape)).astype(wp.dtype_to_numpy(r.dtype)))
        solver.preconditioner.apply(r, z, rz)
        assert not z.numpy()[system.bricks.cell < 0].any(), "padding must stay zero"
        M[:, k] = system.bricks.from_bricks(z.numpy(), system.grid.shape).ravel()
        error = max(error, abs(rz.numpy().sum() - M[k, k]) / M[k, k])
    return M, error


def product(solver: Solver, field: np.ndarray) -> np.ndarray:
    """[shape] M times a field, zero where there is no fluid."""
    system = solver.system
    r, z = (system.zeros(system.size, system.krylov_type) for _ in range(2))
    r.assign(system.bricks.to_bricks(np.ascontiguousarray(field)).astype(wp.dtype_to_numpy(r.dtype)))
    solver.preconditioner.apply(r, z, system.zeros(solver.preconditioner.products, wp.float64))
    return system.bricks.from_bricks(z.numpy(), field.shape)
