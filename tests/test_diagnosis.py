"""What a report says about unusable input and about frames that are hard to solve."""

import numpy as np
import oracle
import pytest

from hpsolver import SolveError, Solver, Status, problems

SHAPE = (24, 36)
DENSITY, RHS = problems.frame("bubbles", SHAPE, seed=1, contrast=1e3)


@pytest.mark.parametrize("boundary", ["wall", "open"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_bad_cells_of_the_right_hand_side_are_counted_and_the_first_is_named(value, boundary):
    rhs = RHS.copy()
    rhs[5, 30] = rhs[7, 2] = rhs[20, 20] = value
    solver = Solver(SHAPE, boundary=boundary)
    solver.step(DENSITY, rhs)
    info = solver.info
    assert (info.status, info.bad_cells, info.first_bad_cell) == (Status.NONFINITE_RHS, 3, (5, 30))
    with pytest.raises(SolveError, match=r"Bad cells: 3, the first at \(5, 30\)"):
        info.raise_for_status()


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_bad_densities_are_counted_and_the_first_is_named(value):
    density, solid = DENSITY.copy(), np.zeros(SHAPE, bool)
    solid[3, :5] = True
    density[3, 3] = density[11, 7] = density[11, 6] = value
    solver = Solver(SHAPE)
    solver.set_solid(solid)
    solver.step(density, RHS)
    assert (solver.info.bad_cells, solver.info.first_bad_cell) == (2, (11, 6))  # the one in the solid does not count
    solver.step(DENSITY, RHS)
    assert (solver.info.bad_cells, solver.info.first_bad_cell) == (0, None)


def test_finite_values_whose_squares_overflow_are_no_bad_cells_but_a_hint():
    solver = Solver(SHAPE)
    solver.step(DENSITY, 1e200 * RHS)
    assert solver.info.status is Status.NONFINITE_RHS and solver.info.bad_cells == 0
    assert "scale it" in solver.info.hints[0]


@pytest.mark.parametrize("shape", [SHAPE, (9, 8, 10)])
@pytest.mark.parametrize("boundary", ["wall", "open", "periodic"])
def test_clamped_densities_are_the_smallest_good_ones_across_a_face(shape, boundary):
    rng = np.random.default_rng(4)
    density, rhs = 10.0 ** rng.uniform(0, 3, shape), rng.standard_normal(shape)
    bad = [tuple(int(k) for k in rng.integers(0, n, 12)) for n in shape]
    cells = sorted(set(zip(*bad, strict=True)))
    cells.append((0,) * len(shape))
    solid = np.zeros(shape, bool)
    solid[(1,) * len(shape)] = True
    cells = sorted({cell for cell in cells if not solid[cell]})
    given, expected = density.copy(), density.copy()
    for cell in cells:
        given[cell] = rng.choice([0.0, -3.0, np.nan, np.inf])
    for cell in cells:
        good = []
        for axis, n in enumerate(shape):
            for step in (-1, 1):
                there = list(cell)
                there[axis] += step
                if boundary == "periodic":
                    there[axis] %= n
                if 0 <= there[axis] < n and tuple(there) not in cells and not solid[tuple(there)]:
                    good.append(density[tuple(there)])
        expected[cell] = min(good)
    solver, plain = (Solver(shape, boundary=boundary, on_bad_density=choice) for choice in ("clamp", "refuse"))
    solver.set_solid(solid), plain.set_solid(solid)
    for _ in range(2):
        p = solver.step(given, rhs)
        assert solver.info.converged
        assert (solver.info.bad_cells, solver.info.first_bad_cell) == (len(cells), cells[0])
    assert np.array_equal(p, plain.step(expected, rhs))
    assert np.array_equal(solver.step(density, rhs), plain.step(density, rhs))
    assert solver.info.bad_cells == 0


def test_a_bad_density_among_bad_ones_refuses_the_frame_though_it_may_be_clamped():
    density = DENSITY.copy()
    density[4:9, 5:10] = np.nan
    solver = Solver(SHAPE, on_bad_density="clamp")
    assert not solver.step(density, RHS).any()
    assert solver.info.status is Status.BAD_DENSITY
    assert (solver.info.bad_cells, solver.info.first_bad_cell) == (25, (4, 5))


def test_residual_of_a_pressure_in_single_precision_is_that_of_what_was_returned():
    A = oracle.assemble(DENSITY)
    solver = Solver(SHAPE)
    p = solver.step(DENSITY, RHS.astype(np.float32))
    assert p.dtype == np.float32 and solver.info.residual <= 1e-6
    assert solver.info.output_residual == pytest.approx(oracle.residual(A, p, RHS.astype(np.float32)), rel=1e-3)
    assert solver.info.output_residual > 1e-5
    assert "float64" in solver.info.hints[0]
    again = solver.step(DENSITY, RHS.astype(np.float32))
    assert np.array_equal(p, again)  # asking for ``output_residual`` changed nothing
    solver.step(DENSITY, RHS)
    assert solver.info.output_residual == solver.info.residual and not solver.info.hints


def test_share_of_the_right_hand_side_that_was_removed():
    solver = Solver(SHAPE)
    centred = RHS - RHS.mean()
    solver.step(DENSITY, centred)
    assert solver.info.rhs_share_removed < 1e-12
    level = 3.0 * np.linalg.norm(centred) / np.sqrt(centred.size)
    solver.step(DENSITY, centred + level)
    assert solver.info.rhs_share_removed == pytest.approx(3.0 / np.sqrt(10.0))
    assert "no open side" in solver.info.hints[0]
    solver.step(DENSITY, np.ones(SHAPE))
    assert solver.info.rhs_share_removed == 1.0
    outlet = Solver(SHAPE, boundary="open")
    outlet.step(DENSITY, centred + level)
    assert outlet.info.rhs_share_removed == 0.0 and not outlet.info.hints


def hints_of(solver: Solver, density: np.ndarray, rhs: np.ndarray) -> str:
    solver.step(density, rhs)
    assert solver.info.status is Status.MAX_ITERATIONS
    with pytest.raises(SolveError) as error:
        solver.info.raise_for_status()
    text = " ".join(solver.info.hints)
    assert text in str(error.value)
    return text


def test_a_frame_that_did_not_converge_names_what_makes_it_hard():
    easy = Solver(SHAPE, preconditioner="jacobi", max_iterations=3)
    assert hints_of(easy, DENSITY, RHS) == ""
    steep = Solver(SHAPE, preconditioner="jacobi", max_iterations=3)
    assert "Densities span" in hints_of(steep, DENSITY**3, RHS)
    flat = Solver(SHAPE, spacing=(1.0, 20.0), preconditioner="jacobi", max_iterations=3)
    assert "flat, 1:20" in hints_of(flat, DENSITY, RHS)
    torn = Solver(SHAPE, preconditioner="jacobi", max_iterations=3)
    torn.set_solid(np.random.default_rng(0).random(SHAPE) < 0.4)
    assert "Solids cut the fluid" in hints_of(torn, DENSITY, RHS)
