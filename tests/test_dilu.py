"""Red-black DILU against a dense factorisation written from its definition."""

import numpy as np
import oracle
import pytest
import warp as wp
from applied import applied
from hpsolver.kernels.building import Shape
from hpsolver.kernels.dilu import red_black

from hpsolver import Solver, Status, problems
from hpsolver.bricks import EXTENTS
from hpsolver.preconditioners.dilu import DILU

GRIDS = {
    "walls": ((20, 11), "wall", False),
    "solids": ((17, 9), "wall", True),
    "open": ((16, 8), (("open", "wall"), "open"), True),
    "even periodic": ((18, 12), "periodic", True),
    "odd periodic": ((17, 9), "periodic", False),
    "odd periodic, solids, open": ((19, 10), ("periodic", ("wall", "open")), True),
    "one row": ((1, 13), "wall", False),
    "3D walls, solids": ((5, 6, 7), "wall", True),
    "3D odd periodic": ((9, 4, 5), ("periodic", "wall", "periodic"), True),
    "3D even periodic": ((4, 6, 8), "periodic", False),
}
TOLERANCE = {"float64": 1e-11, "mixed": 1e-6, "float32": 1e-5}


def frame(shape, solids, contrast=1000.0):
    rng = np.random.default_rng(5)
    density = np.where(rng.random(shape) < 0.4, contrast, 1.0) * (1 + 0.1 * rng.random(shape))
    return density, rng.standard_normal(shape), rng.random(shape) < 0.2 if solids else None


def solve(shape, boundary, solids, precision="float64", contrast=1000.0):
    """A solver after one frame, and its frame."""
    density, rhs, solid = frame(shape, solids, contrast)
    tolerance = 1e-4 if precision == "float32" else 1e-8
    options = {"boundary": boundary, "precision": precision, "tolerance": tolerance}
    solver = Solver(shape, preconditioner=DILU(), **options, spacing=tuple(0.5 + 0.3 * a for a in range(len(shape))))
    solver.set_solid(solid)
    solver.step(density, rhs)
    return solver, density, solid


def dilu(A, shape):
    """M of red-black DILU, dense, from its definition; couplings within a colour are not part of L and U."""
    color = np.indices(shape).sum(axis=0).ravel() % 2
    order = np.argsort(color, kind="stable")
    A, color = A[np.ix_(order, order)], color[order]
    off = np.where(color[:, None] != color, A, 0.0)
    E = np.zeros(len(A))
    for i in range(len(A)):
        E[i] = A[i, i] - sum(off[i, j] / E[j] * off[j, i] for j in np.flatnonzero(off[i, :i]))
        if E[i] <= 1e-12 * A[i, i]:
            E[i] = A[i, i]
    lower, upper = np.diag(E) + np.tril(off, -1), np.diag(E) + np.triu(off, 1)
    back = np.argsort(order)
    return np.linalg.inv(lower @ np.diag(1 / E) @ upper)[np.ix_(back, back)]


def reference(solver, density, solid):
    grid = solver.grid
    A = oracle.assemble(density, grid.spacing, grid.boundary, grid.face_average, solid).toarray()
    alone = np.diag(A) == 0.0
    A[alone, alone] = 1.0  # the device's row of a fluid cell without any face
    return dilu(A, grid.shape)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("name", GRIDS)
def test_it_is_dilu(name, precision):
    solver, density, solid = solve(*GRIDS[name], precision=precision)
    M, error = applied(solver)
    expected = reference(solver, density, solid)
    assert abs(M - expected).max() <= TOLERANCE[precision] * abs(expected).max()
    assert error <= TOLERANCE[precision]
    assert abs(M - M.T).max() <= TOLERANCE[precision] * abs(M).max()
    assert np.linalg.eigvalsh((M + M.T) / 2).min() > 0
    assert solver.info.status is Status.CONVERGED and not solver.info.fallback


@pytest.mark.parametrize("boundary", ["wall", "periodic"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 1), (2, 1, 2)])
def test_tiny_singular_grids_stay_positive_definite(shape, boundary):
    solver, *_ = solve(shape, boundary, False)
    M, _ = applied(solver)
    assert np.isfinite(M).all() and abs(M - M.T).max() <= 1e-12 * abs(M).max()
    assert np.linalg.eigvalsh(M).min() > 0
    assert solver.info.status is Status.CONVERGED and not solver.info.fallback


def test_a_star_of_red_cells_around_a_black_one_is_a_singular_region():
    shape = (9, 9)
    solid = np.ones(shape, bool)
    solid[4, 3:6] = solid[3:6, 4] = False  # the centre (4, 4) is red: no pivot e is zero
    solid[7, 5:8] = solid[6:9, 6] = False  # the centre (7, 6) is black: its e is 0 by the formula
    density, rhs, _ = frame(shape, False)
    solver = Solver(shape, preconditioner=DILU(), precision="float64", tolerance=1e-10)
    solver.set_solid(solid)
    solver.step(density, rhs)
    M, _ = applied(solver)
    expected = reference(solver, density, solid)
    assert abs(M - expected).max() <= 1e-12 * abs(expected).max()
    assert solver.info.status is Status.CONVERGED and not solver.info.fallback


def test_it_halves_the_iterations_of_jacobi():
    counts = {}
    for name, preconditioner in {"jacobi": "jacobi", "dilu": DILU()}.items():
        for precision in ("float64", "mixed"):
            solver = Solver((64, 64), preconditioner=preconditioner, tolerance=1e-8, precision=precision)
            counts[name, precision] = []
            for seed in range(10000, 10004):
                solver.step(*problems.frame("panel", (64, 64), seed=seed))
                solver.info.raise_for_status()
                counts[name, precision].append(solver.info.iterations)
    print(counts)
    ratios = np.divide(counts["dilu", "float64"], counts["jacobi", "float64"])
    assert 0.45 < ratios.min() and ratios.max() < 0.57
    np.testing.assert_allclose(counts["dilu", "mixed"], counts["dilu", "float64"], rtol=0.03)


def test_replayed_frames_renew_it_and_repeat_bit_for_bit():
    shape = (40, 25)
    frames = [problems.frame("noise", shape, seed=s) for s in (0, 1)]
    eager = []
    for density, rhs in frames:
        solver = Solver(shape, preconditioner=DILU())
        eager.append(solver.step(density, rhs))  # the first frame runs eagerly
    solver = Solver(shape, preconditioner=DILU())
    for k in (0, 1, 0, 1):
        np.testing.assert_array_equal(solver.step(*frames[k]), eager[k])
        assert not solver.info.fallback


def test_launches(monkeypatch):
    solver, *_ = solve((16, 16), "wall", False)
    launched = []
    monkeypatch.setattr(wp, "launch_tiled", lambda kernel, *args, **kwargs: launched.append(kernel.key))
    pcg = solver._pcg
    solver.preconditioner.apply(pcg.r, pcg.z, pcg._rz)
    assert launched == ["forward", "backward"] and solver.preconditioner.launches == 2


@pytest.mark.parametrize(("dimension", "T", "M"), [(2, wp.float64, wp.float32), (3, wp.float32, wp.float32)])
def test_it_compiles_for_cuda(dimension, T, M, tmp_path):
    module = red_black(Shape(dimension, EXTENTS[dimension, 128]), T, M).forward.module
    paths = wp.compile_aot_module(module, device=None, arch=[75, 90], module_dir=tmp_path, use_ptx=False)
    assert sum(str(path).endswith(".cubin") for path in paths) == 2
