"""Black-box multigrid: against a V-cycle of dense matrices written from its definition, null spaces, flat cells."""

import itertools

import numpy as np
import oracle
import pytest
from applied import applied, product
from hpsolver.kernels import building
from hpsolver.kernels import multigrid as kernels
from scipy.sparse.csgraph import connected_components

from hpsolver import Solver, Status
from hpsolver.preconditioners import Multigrid

DIRECT, STRONG = 64, 1.5
FIRST, SECOND = (1 / (1.2 + sign * 0.8 * np.sqrt(0.5)) for sign in (1, -1))
FLAT = (1.0, 2.5, 8.0)
GRIDS = {  # shape, sides, solids, spacing
    "walls": ((20, 11), "wall", False, (0.5, 0.6)),
    "walls, solids": ((17, 16), "wall", True, (0.5, 0.6)),
    "open, solids": ((16, 18), (("open", "wall"), "open"), True, (0.5, 0.6)),
    "even periodic": ((18, 12), "periodic", True, (0.5, 0.6)),
    "odd periodic": ((17, 9), "periodic", False, (0.5, 0.6)),
    "odd periodic, solids, open": ((19, 13), ("periodic", ("wall", "open")), True, (0.5, 0.6)),
    "one row": ((1, 1050), "open", False, (0.5, 0.6)),
    "one periodic column": ((140, 1), "periodic", False, (0.5, 0.6)),
    "flat": ((24, 13), ("periodic", ("wall", "open")), True, (1.0, 5.0)),
    "flat the other way": ((13, 24), "wall", True, (5.0, 1.0)),
    "3D flat": ((8, 6, 9), ("wall", ("open", "wall"), "periodic"), True, FLAT),
    "3D flat, odd periodic": ((7, 5, 6), "periodic", True, FLAT),
    "3D flat, walls": ((6, 7, 5), "wall", False, FLAT[::-1]),
}
TOLERANCE = {"float64": 1e-11, "mixed": 2e-5, "float32": 2e-5}


@pytest.fixture(autouse=True)
def hopeful(monkeypatch):
    """Lets multigrid begin a frame whatever the solids are."""
    monkeypatch.setattr(Multigrid, "_doubts", lambda self: False)


def frame(shape, solids, contrast=1000.0):
    rng = np.random.default_rng(5)
    density = np.where(rng.random(shape) < 0.4, contrast, 1.0) * (1 + 0.1 * rng.random(shape))
    return density, rng.standard_normal(shape), rng.random(shape) < 0.2 if solids else None


def solve(shape, boundary, solids, spacing, precision="float64", block_cells=None):
    """A solver after one frame, and A with rows of zeros for solid cells."""
    density, rhs, solid = frame(shape, solids)
    tolerance = 1e-4 if precision == "float32" else 1e-8
    options = {"boundary": boundary, "precision": precision, "tolerance": tolerance, "spacing": spacing}
    solver = Solver(shape, preconditioner=Multigrid(block_cells), **options)
    solver.set_solid(solid)
    solver.step(density, rhs)
    A = oracle.assemble(density, spacing, boundary, solid=solid).toarray()
    if solid is not None:
        A[solid.ravel(), solid.ravel()] = 0.0
    return solver, A


# --- the V-cycle from its definition ----------------------------------------------------------------------------------


def excess(A):
    """Row sums, zero where they are rounding."""
    sums = A.sum(axis=1)
    return np.where(abs(sums) > 1e-12 * abs(A).sum(axis=1), sums, 0.0)


def interpolation(A, shape, axes):
    """([cells, coarse cells] P, coarse shape): even cells of ``axes`` are coarse, others solve their collapsed row."""
    coarse = tuple((n + 1) // 2 if a in axes else n for a, n in enumerate(shape))
    cells = list(itertools.product(*map(range, shape)))
    number = {cell: i for i, cell in enumerate(cells)}
    odd = [tuple(a for a in axes if cell[a] % 2) for cell in cells]
    P = np.zeros((len(cells), int(np.prod(coarse))))
    for i, cell in enumerate(cells):
        if not odd[i] and abs(A[i]).sum() > 1e-13 * abs(A).max():
            P[i, np.ravel_multi_index([p // 2 if a in axes else p for a, p in enumerate(cell)], coarse)] = 1.0
    leaving = excess(A)
    for i in sorted(range(len(cells)), key=lambda i: len(odd[i])):
        if not odd[i]:
            continue
        collapsed = {}
        for j in np.flatnonzero(A[i]):
            onto = number[tuple(cells[j][a] if a in odd[i] else cells[i][a] for a in range(len(shape)))]
            if onto != i:
                collapsed[onto] = collapsed.get(onto, 0.0) - A[i, j]
        if len(odd[i]) == 1:
            collapsed = {j: max(c, 0.0) for j, c in collapsed.items()}
        total = sum(collapsed.values()) + leaving[i]
        if total > 1e-13 * abs(A[i]).sum():
            P[i] = sum(c * P[j] for j, c in collapsed.items()) / total if collapsed else 0.0
    return P, coarse


def exact(A):
    """The inverse; the last cell of each region without open side is held at zero."""
    size = abs(A).max()
    _, label = connected_components(abs(A) > 1e-13 * size, directed=False)
    kept = np.ones(len(A), bool)
    for region in range(label.max() + 1):
        cells = np.flatnonzero(label == region)
        if not excess(A)[cells].any():
            kept[cells[-1]] = False
    inverse = np.zeros_like(A)
    inverse[np.ix_(kept, kept)] = np.linalg.inv(A[np.ix_(kept, kept)])
    return inverse


def v_cycle(A, shape, spacing, finest=True):
    """M, [cells, cells]."""
    long = [a for a, n in enumerate(shape) if n > 1]
    if not long or (not finest and len(A) <= DIRECT):
        return exact(A)
    axes = tuple(a for a in long if spacing[a] <= STRONG * min(spacing[b] for b in long))
    scale = np.maximum(np.diag(A), 0.5 * abs(A).sum(axis=1))
    empty = scale <= 1e-13 * scale.max()
    inverse = np.divide(1.0, scale, out=np.full(len(A), 1.0 if finest else 0.0), where=~empty)[:, None]
    swept = A + np.diag(empty * 1.0) if finest else A  # A has a diagonal of 1 where there is no fluid
    P, coarse = interpolation(A, shape, axes)
    M = v_cycle(P.T @ A @ P, coarse, [h * (2 if a in axes else 1) for a, h in enumerate(spacing)], finest=False)
    b = np.eye(len(A))
    z = np.zeros_like(b)
    for factor in (FIRST, SECOND):
        z = z + factor * inverse * (b - swept @ z)
    z = z + P @ M @ P.T @ (b - A @ z)
    for factor in (SECOND, FIRST):
        z = z + factor * inverse * (b - swept @ z)
    return z


# Flat grids have bricks of their own, which every precision would compile: they take the one that shows most.
@pytest.mark.parametrize(
    ("name", "precision"), [(n, p) for n in GRIDS for p in TOLERANCE if p == "float64" or "flat" not in n]
)
def test_it_is_the_v_cycle(name, precision):
    shape, *_, spacing = GRIDS[name]
    solver, A = solve(*GRIDS[name], precision=precision)
    M, error = applied(solver)
    expected = v_cycle(A, shape, spacing)
    assert abs(M - expected).max() <= TOLERANCE[precision] * abs(expected).max()
    assert error <= TOLERANCE[precision]
    assert abs(M - M.T).max() <= TOLERANCE[precision] * abs(M).max()
    assert np.linalg.eigvalsh((M + M.T) / 2).min() > 0
    assert solver.info.status is Status.CONVERGED and not solver.info.fallback


@pytest.mark.parametrize("name", GRIDS)
def test_what_a_gpu_does_cell_by_cell_is_the_same_cycle(name, monkeypatch):
    """Two loops have a form of their own on CUDA; here the CPU runs these forms."""

    def by_lane(*texts, **constants):
        return "#define HP_BY_LANE\n" + building.body(*texts, **constants)

    solver, _ = solve(*GRIDS[name])
    expected, _ = applied(solver)
    monkeypatch.setattr(kernels, "body", by_lane)
    monkeypatch.setattr(kernels, "module_name", lambda *names: building.module_name("by_lane", *names))
    for made in ("fine", "setup_rest", "phase", "copies", "rest", "passes"):
        monkeypatch.setattr(kernels, made, getattr(kernels, made).__wrapped__)
    solver, _ = solve(*GRIDS[name])
    M, _ = applied(solver)
    assert abs(M - expected).max() <= 1e-12 * abs(expected).max()


@pytest.mark.parametrize("boundary", [("wall", "wall"), ("periodic", "periodic"), ("open", "wall")])
def test_it_does_not_matter_where_tiles_are_cut(boundary):
    """A wide grid is cut elsewhere along rows and columns than the same grid lying on its side."""
    density, rhs, solid = frame((37, 1060), solids=True)
    results = []
    for turned, sides in ((np.asarray, boundary), (np.transpose, boundary[::-1])):
        solver = Solver(turned(density).shape, boundary=sides, preconditioner="multigrid", precision="float64")
        solver.set_solid(turned(solid))
        solver.step(turned(density), turned(rhs))
        results.append(turned(product(solver, turned(rhs * ~solid))))
    assert abs(results[0] - results[1]).max() <= 1e-10 * abs(results[0]).max()
