"""When a frame counts as solved: relative and absolute tolerances, in the 2-norm and by the largest entry."""

import numpy as np
import oracle
import pytest

from hpsolver import Solver, Status, problems
from hpsolver.preconditioners import NAMES

SHAPE = (48, 40)
DENSITY, RHS = problems.frame("bubbles", SHAPE, seed=2, contrast=1e3)
A = oracle.assemble(DENSITY)
B = oracle.project(A, RHS)


def left(p: np.ndarray, norm: str) -> float:
    """||b - A p|| in the caller's units."""
    r = B - A @ p.ravel()
    return float(abs(r).max() if norm == "max" else np.linalg.norm(r))


def size(norm: str) -> float:
    return float(abs(B).max() if norm == "max" else np.linalg.norm(B))


@pytest.mark.parametrize("precision", ["mixed", "float32", "float64"])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_largest_entry_of_the_true_residual_meets_the_tolerance(tolerance, precision):
    solver = Solver(SHAPE, tolerance=tolerance, norm="max", precision=precision)
    for _ in range(2):
        p = solver.step(DENSITY, RHS)
        assert solver.info.converged and not solver.info.fallback
        assert left(p, "max") <= 1.001 * tolerance * size("max")
        assert solver.info.residual == pytest.approx(left(p, "max") / size("max"), rel=1e-3)
        assert solver.info.residual > 1e-3 * tolerance  # not far beyond what was asked


@pytest.mark.parametrize("norm", ["l2", "max"])
@pytest.mark.parametrize("warm_start", [False, True])
def test_absolute_tolerance_is_in_the_units_of_the_right_hand_side(norm, warm_start):
    asked = 1e-4 * size(norm)
    for scale in (1.0, 1e-9, 1e12):
        solver = Solver(SHAPE, tolerance=0.0, absolute_tolerance=scale * asked, norm=norm, warm_start=warm_start)
        p = solver.step(DENSITY, scale * RHS)
        assert solver.info.converged
        assert 1e-3 * asked <= left(p / scale, norm) <= 1.001 * asked


def test_the_looser_of_both_tolerances_counts():
    def iterations(**options) -> int:
        solver = Solver(SHAPE, **options)
        solver.step(DENSITY, RHS)
        return solver.info.iterations

    loose, tight = (iterations(tolerance=t) for t in (1e-3, 1e-8))
    assert loose < tight
    assert iterations(tolerance=1e-8, absolute_tolerance=1e-3 * size("l2")) == loose
    assert iterations(tolerance=1e-3, absolute_tolerance=1e-8 * size("l2")) == loose


def test_a_right_hand_side_below_the_absolute_tolerance_needs_no_iteration():
    solver = Solver(SHAPE, absolute_tolerance=1.01 * size("l2"))
    assert not solver.step(DENSITY, RHS).any()
    assert solver.info.converged and solver.info.iterations == 0
    assert solver.info.residual == pytest.approx(1.0)


def test_a_still_fluid_needs_no_iteration_and_a_moving_one_is_solved_again():
    """A divergence of 1e-12 of the first frame's needs nothing done, as people who simulate fluid at rest expect."""
    solver = Solver(SHAPE, absolute_tolerance=1e-6 * size("max"), norm="max")
    solver.step(DENSITY, RHS)
    needed = solver.info.iterations
    assert needed > 0
    assert not solver.step(DENSITY, 1e-12 * RHS).any()
    assert solver.info.converged and solver.info.iterations == 0
    solver.step(DENSITY, RHS)
    assert solver.info.converged and solver.info.iterations == needed


@pytest.mark.parametrize("name", ["jacobi", "multigrid", "htp", "dilu"])
def test_every_preconditioner_stops_by_the_norm_asked(name):
    assert name in NAMES
    solver = Solver(SHAPE, preconditioner=name, norm="max", tolerance=1e-5, max_iterations=3000)
    assert left(solver.step(DENSITY, RHS), "max") <= 1.001e-5 * size("max")
    assert solver.info.status is Status.CONVERGED


def test_unreachable_largest_entry_is_called_stagnated():
    solver = Solver(SHAPE, norm="max", tolerance=1e-30)
    p = solver.step(DENSITY, RHS)
    assert solver.info.status is Status.STAGNATED and solver.info.iterations < 200
    assert left(p, "max") <= 1e-11 * size("max")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0.0}, "tolerance must be a number in .0, 1., or 0 with an absolute_tolerance, got 0.0"),
        ({"tolerance": 1.0}, "tolerance must be .*got 1.0"),
        ({"tolerance": "small"}, "tolerance must be .*got 'small'"),
        ({"absolute_tolerance": -1.0}, r"absolute_tolerance must be a number in \[0, 1e100\), got -1.0"),
        ({"absolute_tolerance": np.nan}, "absolute_tolerance must be .*got nan"),
        ({"norm": "inf"}, "unknown norm 'inf'; allowed: l2, max"),
        ({"norm": 2}, "unknown norm 2; allowed: l2, max"),
        ({"on_bad_density": "ignore"}, "unknown on_bad_density 'ignore'; allowed: refuse, clamp"),
    ],
)
def test_bad_tolerances_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Solver(SHAPE, **options)
