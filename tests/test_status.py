"""What a frame says about itself, and that nothing breaks the solver for the next one."""

import numpy as np
import oracle
import pytest

from hpsolver import SolveError, Solver, Status, problems

SHAPE = (32, 24)
DENSITY, RHS = problems.frame("panel", SHAPE, seed=1)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_unusable_density_is_reported_and_the_next_frame_is_unharmed(value):
    solver = Solver(SHAPE)
    expected = solver.step(DENSITY, RHS)
    bad = DENSITY.copy()
    bad[3, 4] = value
    assert not solver.step(bad, RHS).any()
    assert solver.info.status is Status.BAD_DENSITY
    with pytest.raises(SolveError, match="density"):
        solver.info.raise_for_status()
    assert np.array_equal(solver.step(DENSITY, RHS), expected)
    assert solver.info.converged


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nonfinite_right_hand_side_is_reported(value):
    solver = Solver(SHAPE, warm_start=True)
    good = solver.step(DENSITY, RHS)
    bad = RHS.copy()
    bad[0, 0] = value
    assert np.array_equal(solver.step(DENSITY, bad), good)
    assert solver.info.status is Status.NONFINITE_RHS
    assert np.isnan(solver.info.residual)


def test_values_in_solid_cells_do_not_matter():
    solid = np.zeros(SHAPE, bool)
    solid[5:9, 7:12] = True
    density, rhs = DENSITY.copy(), RHS.copy()
    density[solid], rhs[solid] = -1.0, np.nan
    solver = Solver(SHAPE)
    solver.set_solid(solid)
    p = solver.step(density, rhs)
    assert solver.info.converged
    assert not p[solid].any()


def test_iteration_limit_is_reported_and_kept():
    solver = Solver(SHAPE, preconditioner="jacobi", max_iterations=5)
    solver.step(DENSITY, RHS)
    assert solver.info.status is Status.MAX_ITERATIONS
    assert solver.info.iterations == 5
    assert solver.info.residual > solver.tolerance


def test_unreachable_tolerance_is_called_stagnated():
    solver = Solver(SHAPE, tolerance=1e-30, precision="float64")
    solver.step(DENSITY, RHS)
    assert solver.info.status is Status.STAGNATED
    assert not solver.info.fallback  # rounding is the cause: the fallback would do no better
    assert solver.info.iterations < 150
    assert solver.info.residual < 1e-12


def test_zero_right_hand_side_needs_no_iteration():
    solver = Solver(SHAPE)
    assert not solver.step(DENSITY, np.zeros(SHAPE)).any()
    assert solver.info.converged and solver.info.iterations == 0 and solver.info.residual == 0.0


def test_mean_of_a_singular_right_hand_side_is_removed_and_reported():
    solver = Solver(SHAPE)
    p = solver.step(DENSITY, RHS + 0.25)
    assert solver.info.rhs_mean_removed == pytest.approx(0.25)
    assert abs(p.mean()) < 1e-12 * abs(p).max()
    assert np.allclose(p, solver.step(DENSITY, RHS), atol=1e-9 * abs(p).max())


@pytest.mark.parametrize("preconditioner", ["schwarz", "jacobi"])
@pytest.mark.parametrize("constant", [0.1, -7.7e-5, 1e6 / 3])
def test_constant_right_hand_side_is_no_problem_at_all(constant, preconditioner):
    """The computed mean equals the constant only up to rounding; no pressure could solve for the difference."""
    solver = Solver(SHAPE, preconditioner=preconditioner)
    assert not solver.step(DENSITY, np.full(SHAPE, constant)).any()
    assert solver.info.converged and solver.info.iterations == 0
    assert solver.info.rhs_mean_removed == constant


def test_large_mean_costs_no_digits_but_those_the_right_hand_side_has_lost_to_it():
    """Each of two regions has its own mean, 1e12 and -1e3, with whole numbers around it."""
    solid = np.zeros(SHAPE, bool)
    solid[13] = True
    rhs = np.round(8 * RHS / abs(RHS).max())
    level = np.where(np.arange(SHAPE[0])[:, None] < 13, 1e12, -1e3)
    solver = Solver(SHAPE, tolerance=1e-10)
    solver.set_solid(solid)
    expected = solver.step(DENSITY, rhs)
    p = solver.step(DENSITY, rhs + level)
    assert solver.info.converged and not solver.info.fallback
    assert abs(p - expected).max() <= 1e-9 * abs(expected).max()


@pytest.mark.parametrize(("size", "status"), [(1e-200, "converged"), (1e-140, "converged"), (1e200, "nonfinite_rhs")])
def test_right_hand_side_beyond_the_range_of_its_square_counts_as_zero_or_infinite(size, status):
    solver = Solver(SHAPE)
    p = solver.step(DENSITY, size * RHS)
    assert str(solver.info.status) == f"{solver.info.status}" == status
    assert p.any() == (size == 1e-140) == (solver.info.iterations > 0)


@pytest.mark.parametrize("boundary", ["wall", "open"])
def test_solid_moves_with_a_warm_start(boundary):
    solver = Solver(SHAPE, boundary=boundary, warm_start=True)
    for k in range(4):
        solid = np.zeros(SHAPE, bool)
        solid[4 + 2 * k : 9 + 2 * k, 8:14] = True
        solver.set_solid(solid)
        p = solver.step(DENSITY, RHS)
        assert solver.info.converged and not p[solid].any()
        A = oracle.assemble(DENSITY, boundary=boundary, solid=solid)
        assert oracle.residual(A, p, RHS, solid) <= 1.001e-6


def test_set_solid_leaves_the_report_of_the_last_frame():
    solver = Solver(SHAPE)
    solver.step(DENSITY, RHS + 0.25)
    solver.set_solid(np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) < 40)
    assert solver.info.converged and solver.info.rhs_mean_removed == pytest.approx(0.25)


def test_there_is_no_matrix_without_a_frame():
    solver = Solver(SHAPE)
    with pytest.raises(RuntimeError, match="no frame"):
        solver.matrix()
    solver.step(DENSITY, RHS)
    assert solver.matrix().shape == (DENSITY.size, DENSITY.size)
    solver.set_solid(None)
    with pytest.raises(RuntimeError, match="set_solid"):
        solver.matrix()


def test_every_status_carries_advice():
    assert all(status.advice.endswith(".") for status in Status)
