"""Independent references: A by a loop over faces, and direct solutions, in double precision SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components


def assemble(density, spacing=1.0, boundary="wall", face_average="harmonic", solid=None) -> sp.csr_matrix:
    """A of ``-div((1/density) grad)``, row-major; solid rows are rows of the identity."""
    shape, dimension = density.shape, density.ndim
    steps = (spacing,) * dimension if np.isscalar(spacing) else spacing
    axes = (boundary,) * dimension if isinstance(boundary, str) else boundary
    sides = [(axis, axis) if isinstance(axis, str) else axis for axis in axes]
    solid = np.zeros(shape, bool) if solid is None else solid
    A = sp.lil_matrix((density.size, density.size))
    for cell in itertools.product(*map(range, shape)):
        i = np.ravel_multi_index(cell, shape)
        if solid[cell]:
            A[i, i] = 1.0
            continue
        for axis, step in itertools.product(range(dimension), (-1, 1)):
            other = list(cell)
            other[axis] += step
            weight = 1.0 / steps[axis] ** 2
            word = sides[axis][(step + 1) // 2]
            if not 0 <= other[axis] < shape[axis]:
                if word == "open":
                    A[i, i] += 2.0 * weight / density[cell]
                if word != "periodic":
                    continue
                other[axis] %= shape[axis]
            if solid[tuple(other)]:
                continue
            a, b = density[cell], density[tuple(other)]
            rho = 2 * a * b / (a + b) if face_average == "harmonic" else (a + b) / 2
            j = np.ravel_multi_index(other, shape)
            A[i, i] += weight / rho
            A[i, j] -= weight / rho
    return A.tocsr()


def solve(A: sp.csr_matrix, rhs: np.ndarray, solid: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(p, projected rhs): zero mean over each singular component, 0 in solid cells. Dense; small grids only."""
    b = rhs.ravel().astype(float).copy()
    fluid = np.ones(b.size, bool) if solid is None else ~solid.ravel()
    b[~fluid] = 0.0
    p = np.zeros_like(b)
    _, label = connected_components(A, directed=False)
    for component in np.unique(label[fluid]):
        cells = np.flatnonzero((label == component) & fluid)
        block = A[np.ix_(cells, cells)].toarray()
        if abs(block.sum()) <= 1e-12 * max(abs(block).sum(), 1e-300):
            b[cells] -= b[cells].mean()
            block = block + np.ones_like(block) * (np.trace(block) / len(cells) ** 2 + (block.size == 1))
        p[cells] = np.linalg.solve(block, b[cells])
        if abs(A[np.ix_(cells, cells)].sum()) <= 1e-12 * max(abs(A[np.ix_(cells, cells)]).sum(), 1e-300):
            p[cells] -= p[cells].mean()
    return p.reshape(rhs.shape), b
