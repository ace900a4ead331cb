"""The operator and its solutions against independent SciPy references."""

import functools

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsolver import Solver, Status
from hpsolver.preconditioners import BlockJacobi, DDAttention, Schwarz
from hpsolver.system import System

BOUNDARIES = {
    2: ["wall", "open", "periodic", (("wall", "open"), "wall"), ("periodic", ("open", "wall")), ("open", "periodic")],
    3: ["wall", "open", "periodic", ("wall", "periodic", ("wall", "open")), ("periodic", "wall", "wall")],
}
SHAPES = {
    2: [(1, 1), (1, 9), (16, 8), (17, 9), (24, 24), (48, 16), (33, 5), (20, 30)],
    3: [(3, 4, 5), (8, 4, 4), (9, 5, 6)],
}
PRECONDITIONERS = {
    "jacobi": lambda: "jacobi",
    "block_jacobi": lambda: BlockJacobi(),
    "leaves of 64": lambda: Schwarz(8, leaf_size=64),
    "leaves of 128": lambda: Schwarz(8, leaf_size=128),
    "additive": lambda: Schwarz(sweep="additive"),
    "deflated": lambda: Schwarz(sweep="deflated"),
    "redblack": lambda: Schwarz(),
    "overlap": lambda: DDAttention(4, overlap=2),
    "dense overlap": lambda: DDAttention(4, dense=True),
    "low rank": lambda: DDAttention(rank=16),
    "dense": lambda: Schwarz(dense=True),
    "dense additive": lambda: Schwarz(sweep="additive", dense=True),
}


@st.composite
def problems(draw):
    dimension = draw(st.sampled_from([2, 2, 3]))
    shape = draw(st.sampled_from(SHAPES[dimension]))
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    contrast = draw(st.sampled_from([1.0, 100.0, 1e4, 1e6]))
    density = np.where(rng.random(shape) < 0.3, contrast, 1.0) * (1 + 0.05 * rng.random(shape))
    solid = rng.random(shape) < 0.2 if draw(st.booleans()) else None
    options = {
        "spacing": tuple(rng.uniform(0.5, 2.0, dimension)),
        "boundary": draw(st.sampled_from(BOUNDARIES[dimension])),
        "face_average": draw(st.sampled_from(["harmonic", "arithmetic"])),
    }
    return density, rng.standard_normal(shape), solid, options, contrast, draw(st.sampled_from(sorted(PRECONDITIONERS)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems())
def test_operator_and_solution_equal_the_direct_reference(problem):
    density, rhs, solid, options, contrast, name = problem
    preconditioner = PRECONDITIONERS[name]()
    tolerance = 1e-9 if contrast < 1e6 else 1e-7  # what rounding allows
    solver = Solver(density.shape, preconditioner=preconditioner, tolerance=tolerance, precision="float64", **options)
    if solid is not None:
        solver.set_solid(solid)
    p = solver.step(density, rhs)
    A = oracle.assemble(density, solid=solid, **options)
    assert abs(solver.matrix() - A).max() <= 1e-13 * abs(A).max()
    if "open" not in str(options["boundary"]):  # every region is singular: constants are in the null space
        fluid = np.ones(density.size, bool) if solid is None else ~solid.ravel()
        assert abs(solver.matrix() @ np.ones(density.size))[fluid].max(initial=0.0) <= 1e-13 * abs(A).max()
    expected, b = oracle.solve(A, rhs, solid)
    assert solver.info.status is Status.CONVERGED
    assert not solver.info.fallback
    residual = np.linalg.norm(b - A @ p.ravel() * (1 if solid is None else ~solid.ravel()))
    assert residual <= tolerance * np.linalg.norm(b) * (1 + 1e-3) + 1e-300
    scale = max(abs(expected).max(), 1e-300)
    assert abs(p - expected).max() <= 1e-4 * scale


@pytest.mark.parametrize("shape", [(16, 16), (8, 8, 8)])
def test_manufactured_solution_converges_at_second_order(shape):
    """-div(grad p) with p = prod cos(pi x_i) between walls."""
    errors = []
    for refinement in (1, 2):
        cells = tuple(n * refinement for n in shape)
        axes = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in cells], indexing="ij")
        exact = np.prod([np.cos(np.pi * x) for x in axes], axis=0)
        solver = Solver(cells, spacing=tuple(1.0 / n for n in cells), tolerance=1e-10, precision="float64")
        p = solver.step(np.ones(cells), len(cells) * np.pi**2 * exact)
        solver.info.raise_for_status()
        errors.append(abs(p - exact).max())
    assert 3.6 < errors[0] / errors[1] < 4.4


@pytest.mark.parametrize("preconditioner", ["jacobi", "schwarz"])
@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_problem_has_the_mirrored_solution(preconditioner, axis):
    from hpsolver import problems

    density, rhs = problems.frame("bubbles", (40, 28), seed=5, contrast=1e3)
    solver = Solver((40, 28), preconditioner=preconditioner, tolerance=1e-10, precision="float64")
    p = solver.step(density, rhs)
    mirrored = solver.step(np.flip(density, axis), np.flip(rhs, axis))
    assert abs(np.flip(mirrored, axis) - p).max() <= 1e-7 * abs(p).max()


@pytest.mark.parametrize("preconditioner", ["jacobi", "block_jacobi", "schwarz", "dd_attention"])
def test_sums_may_be_split_over_any_number_of_blocks(monkeypatch, preconditioner):
    """A GPU has many blocks, hence partial sums; the CPU has one unless told otherwise."""
    from hpsolver import problems, solver

    density, rhs = problems.frame("film", (40, 28), seed=5, contrast=1e3)
    A = oracle.assemble(density)
    answers = []
    for slots in (1, 3, 12, 40):
        monkeypatch.setattr(solver, "System", functools.partial(System, slots=slots))
        several = Solver((40, 28), preconditioner=preconditioner, tolerance=1e-8)
        p = several.step(density, rhs)
        assert several.info.converged and oracle.residual(A, p, rhs) <= 1.001e-8
        assert several.info.residual == pytest.approx(oracle.residual(A, p, rhs), rel=1e-3)
        answers.append(several.info.iterations)
    assert max(answers) - min(answers) <= 2


@pytest.mark.parametrize(("shape", "boundary"), [((16, 8), "periodic"), ((33, 5), ("open", "periodic"))])
def test_regions_inside_one_leaf_may_be_linked_to_themselves_across_a_periodic_axis(shape, boundary):
    """Such a region is singular, its leaf's matrix is not. The mask leaves up to 11 pieces of fluid in 128 cells, too
    many for the default's four functions in 64."""
    rng = np.random.default_rng(0)
    solver = Solver(shape, boundary=boundary, preconditioner=Schwarz(8, leaf_size=128))
    for _ in range(25):
        density, rhs = np.where(rng.random(shape) < 0.3, 1e4, 1.0), rng.standard_normal(shape)
        solid = rng.random(shape) < 0.4
        solver.set_solid(solid)
        p = solver.step(density, rhs)
        assert solver.info.converged and not solver.info.fallback
        assert oracle.residual(oracle.assemble(density, boundary=boundary, solid=solid), p, rhs, solid) <= 1.001e-6


def test_periodic_axis_of_one_cell_is_no_axis_at_all():
    rng = np.random.default_rng(0)
    density, rhs = rng.uniform(1, 100, (50, 1)), rng.standard_normal((50, 1))
    periodic = Solver((50, 1), boundary=("wall", "periodic"), preconditioner="jacobi")
    wall = Solver((50, 1), preconditioner="jacobi")
    assert np.array_equal(periodic.step(density, rhs), wall.step(density, rhs))
    assert np.array_equal(periodic.system.diagonal.numpy(), wall.system.diagonal.numpy())


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_solution_scales_with_the_right_hand_side(scale):
    rng = np.random.default_rng(0)
    density, rhs = rng.uniform(1, 10, (32, 24)), rng.standard_normal((32, 24))
    solver = Solver((32, 24))
    p = solver.step(density, rhs)
    assert np.allclose(solver.step(density, scale * rhs), scale * p, rtol=1e-4, atol=0)


def test_warm_start_repeats_a_frame_without_iterating():
    rng = np.random.default_rng(0)
    density, rhs = rng.uniform(1, 10, (32, 24)), rng.standard_normal((32, 24))
    solver = Solver((32, 24), warm_start=True)
    first = solver.step(density, rhs)
    assert np.allclose(solver.step(density, rhs), first, atol=1e-12)
    assert solver.info.iterations == 0


@pytest.mark.parametrize("exponent", [0, 6, 12, 14, 18])
@pytest.mark.parametrize("preconditioner", ["jacobi", "schwarz"])
def test_reported_residual_is_that_of_the_returned_pressure(preconditioner, exponent):
    """Also where taking the mean away from the pressure costs more digits than the tolerance leaves."""
    rng = np.random.default_rng(1)
    density, rhs = np.where(rng.random((40, 24)) < 0.5, 1.0, 10.0**exponent), rng.standard_normal((40, 24))
    solver = Solver((40, 24), preconditioner=preconditioner, max_iterations=3000)
    p = solver.step(density, rhs)
    true = oracle.residual(oracle.assemble(density), p, rhs)
    assert solver.info.converged or exponent > 6
    if solver.info.converged:
        assert true <= 1.01e-6
    if exponent < 18:  # beyond, the reference rounds as much
        assert solver.info.residual == pytest.approx(true, rel=0.1)


def test_float32_reaches_a_true_residual_of_1e_6_through_restarts():
    from hpsolver import problems

    density, rhs = problems.frame("panel", (64, 64), seed=3)
    solver = Solver((64, 64), precision="float32", tolerance=1e-6)
    p = solver.step(density, rhs)
    A = oracle.assemble(density)
    assert solver.info.status is Status.CONVERGED
    b = rhs.ravel() - rhs.mean()
    assert np.linalg.norm(b - A @ p.ravel()) <= 1.0001e-6 * np.linalg.norm(b)
