"""Independent references in double precision SciPy: A by a loop over the grid's faces, and direct solutions.

Nothing here comes from the library: a face is visited once and adds its conductance to the two cells it joins, where
the library gathers by cells, bricks and directions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

Cell = tuple[int, ...]


def sides(boundary, dimension: int) -> list[tuple[str, str]]:
    """(low, high) word of every axis, from one word or one entry per axis."""
    axes = (boundary,) * dimension if isinstance(boundary, str) else boundary
    return [(axis, axis) if isinstance(axis, str) else tuple(axis) for axis in axes]


def faces(shape: tuple[int, ...], boundary) -> Iterator[tuple[int, Cell, Cell | None, Cell]]:
    """(axis, cell, cell across, place among the axis' faces) of every face that can carry flux, once each; None across
    an open side. Place k is the low face of cell k; the two ends of a periodic axis are place 0.

    The face of a periodic axis of one cell joins the cell with itself: p - p is zero, so it is left out. A periodic
    axis of two cells has two faces between them.
    """
    for axis, (low, high) in enumerate(sides(boundary, len(shape))):
        for cell in itertools.product(*map(range, shape)):
            k, last = cell[axis], shape[axis] - 1
            above, zero = (*cell[:axis], k + 1, *cell[axis + 1 :]), (*cell[:axis], 0, *cell[axis + 1 :])
            if k < last:
                yield axis, cell, above, above
            elif high == "periodic" and last > 0:
                yield axis, cell, zero, zero
            if k == 0 and low == "open":
                yield axis, cell, None, cell
            if k == last and high == "open":
                yield axis, cell, None, above


def assemble(
    density, spacing=1.0, boundary="wall", face_average="harmonic", solid=None, air=None, distance=None, shares=None
) -> sp.csr_matrix:
    """A of ``-div((1/density) grad)``, row-major. Solid cells and air have rows of the identity, a fluid cell without
    any face has a row of zeros.

    Args:
        air: cells of air. p = 0 at their centres or, with ``distance``, where that is zero between two centres.
        shares: open share of each face, a factor of its conductance; one array per axis.
    """
    shape = density.shape
    steps = (spacing,) * density.ndim if np.isscalar(spacing) else spacing
    number = np.arange(density.size).reshape(shape)
    solid = np.zeros(shape, bool) if solid is None else solid
    air = np.zeros(shape, bool) if air is None else air & ~solid
    rows, columns, values = [], [], []

    def add(i, j, value):
        rows.append(i), columns.append(j), values.append(value)

    for axis, here, there, place in faces(shape, boundary):
        h, share = steps[axis], 1.0 if shares is None else shares[axis][place]
        if solid[here] or (there is not None and solid[there]):
            continue
        if there is not None and air[here]:
            here, there = there, here
        if air[here]:
            continue
        i = number[here]
        if there is None:  # p = 0 half a cell away
            add(i, i, share / (density[here] * h * (h / 2)))
            continue
        if air[there]:
            part = 1.0 if distance is None else max(distance[here] / (distance[here] - distance[there]), 1e-3)
            add(i, i, share / (density[here] * h * (h * part)))
            continue
        light, heavy = sorted((density[here], density[there]))
        rho = 2.0 / (1.0 / light + 1.0 / heavy) if face_average == "harmonic" else 0.5 * (light + heavy)
        c, j = share / (rho * h**2), number[there]
        add(i, i, c), add(j, j, c), add(i, j, -c), add(j, i, -c)
    for i in np.flatnonzero(solid | air):
        add(i, i, 1.0)
    return sp.csr_matrix((values, (rows, columns)), shape=(density.size, density.size))


def regions(A: sp.csr_matrix, solid: np.ndarray | None = None) -> list[tuple[np.ndarray, bool]]:
    """(cells, singular) of every connected region of the fluid; singular where A maps its constant to zero."""
    fluid = np.ones(A.shape[0], bool) if solid is None else ~solid.ravel()
    _, label = connected_components(abs(A) > 0, directed=False)
    excess = abs(np.asarray(A.sum(axis=1)).ravel())
    size = np.asarray(abs(A).sum(axis=1)).ravel()
    result = []
    for name in np.unique(label[fluid]):
        cells = np.flatnonzero((label == name) & fluid)
        result.append((cells, bool((excess[cells] <= 1e-12 * size[cells]).all())))
    return result


def project(A: sp.csr_matrix, rhs: np.ndarray, solid: np.ndarray | None = None) -> np.ndarray:
    """The right-hand side that is solved for, flat: 0 in solid cells, zero mean over each singular region."""
    b = np.array(rhs, dtype=np.float64).ravel()
    if solid is not None:
        b[solid.ravel()] = 0.0
    for cells, singular in regions(A, solid):
        if singular:
            b[cells] -= b[cells].mean()
            b[cells] -= b[cells].mean()  # a large mean leaves a rounding error of its own size
    return b


def solve(A: sp.csr_matrix, rhs: np.ndarray, solid: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(p, projected rhs) by sparse LU: zero mean over each singular region, 0 in solid cells."""
    b = project(A, rhs, solid)
    p = np.zeros_like(b)
    for cells, singular in regions(A, solid):
        if singular and len(cells) > 1:  # the last cell's pressure is set to zero, then the mean is taken out
            inner = cells[:-1]
            p[inner] = splu(A[np.ix_(inner, inner)].tocsc()).solve(b[inner])
            p[cells] -= p[cells].mean()
        elif not singular:
            p[cells] = splu(A[np.ix_(cells, cells)].tocsc()).solve(b[cells])
    return p.reshape(rhs.shape), b


def residual(A: sp.csr_matrix, p: np.ndarray, rhs: np.ndarray, solid: np.ndarray | None = None) -> float:
    """||b - A p|| / ||b|| with the projected b; ||A p|| where b is zero."""
    b = project(A, rhs, solid)
    return float(np.linalg.norm(b - A @ p.ravel()) / (np.linalg.norm(b) or 1.0))
