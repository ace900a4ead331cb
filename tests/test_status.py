"""What a frame says about itself, and that nothing breaks the solver for the next one."""

import numpy as np
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
    assert not solver.info.fallback  # rounding explains it: nobody else would do better
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


def test_every_status_carries_advice():
    assert all(status.advice.endswith(".") for status in Status)
