"""Relaxation of whole lines on stretched grids: dense algebra, and frames that leaves alone do not solve."""

import numpy as np
import pytest
import warp as wp
from applied import applied
from stretched_axes import growing

from hpsolver import Solver, problems
from hpsolver.grid import make_grid
from hpsolver.preconditioners import Schwarz, auto
from hpsolver.preconditioners.lines import Lines

SIDES = ("wall", "open", (("open", "wall"), "periodic"), "periodic")
SHAPE = (21, 34)


def both(shape: tuple[int, int], factor: float) -> tuple[np.ndarray, np.ndarray]:
    return growing(shape[0], factor), growing(shape[1], factor)


def frame(shape: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, ...]:
    """Densities of 1000:1, a right-hand side, and solids: a tenth of the cells, and a corridor closed at both ends."""
    rng = np.random.default_rng(seed)
    solid = rng.random(shape) < 0.1
    solid[8:11, 5:20] = True
    solid[9, 6:19] = False
    return 1000.0 ** rng.random(shape), rng.standard_normal(shape), solid


def solved(sides) -> Solver:
    """A solver that has solved a frame with ``schwarz``, its lines along both axes."""
    density, rhs, solid = frame(SHAPE)
    options = {"spacing": both(SHAPE, 1.3), "preconditioner": "schwarz", "precision": "float64"}
    solver = Solver(SHAPE, boundary=sides, **options)
    solver.set_solid(solid)
    solver.step(density, rhs)
    assert solver.info.converged and not solver.info.fallback
    assert solver.grid.line_axes == (0, 1)
    return solver


def relaxations(A: np.ndarray, solid: np.ndarray) -> list[np.ndarray]:
    """0.8 T^-1 for the lines along the first and the second axis, dense; zero where a piece of a line is singular."""
    number, found = np.arange(solid.size).reshape(solid.shape), []
    for axis in range(2):
        R = np.zeros_like(A)
        for line in np.moveaxis(number, axis, -1).reshape(-1, solid.shape[axis]):
            joined = A[line[:-1], line[1:]] != 0.0
            for piece in np.split(line, np.flatnonzero(~joined) + 1):
                T = np.triu(np.tril(A[np.ix_(piece, piece)], 1), -1)  # without the coupling across a seam
                if not solid.ravel()[piece[0]] and np.linalg.cond(T) < 1e12:
                    R[np.ix_(piece, piece)] = 0.8 * np.linalg.inv(T)
        found.append(R)
    return found


@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_lines_are_relaxed_as_dense_algebra_says(sides):
    solver = solved(sides)
    system, solid = solver.system, frame(SHAPE)[2]
    A, rng = solver.matrix().toarray(), np.random.default_rng(1)
    first, second = relaxations(A, solid)
    fluid = ~solid.ravel()
    r, w = (rng.standard_normal(SHAPE) * ~solid for _ in range(2))
    lines = Lines(system, (0, 1))
    lines.update()
    given, z = (system.zeros(system.size, system.krylov_type) for _ in range(2))
    given.assign(system.bricks.to_bricks(r))
    lines.inner.assign(system.bricks.to_bricks(w))
    lines.before(given)
    lines.after(given, z)

    r, w = r.ravel(), w.ravel()
    x = first @ r
    x += second @ (r - A @ x)
    left = system.bricks.from_bricks(lines.left.numpy(), SHAPE).ravel()
    assert abs(left - (r - A @ x))[fluid].max() <= 1e-11 * abs(r).max()
    x += w
    x += second @ (r - A @ x)
    x += first @ (r - A @ x)
    assert abs(system.bricks.from_bricks(z.numpy(), SHAPE).ravel() - x)[fluid].max() <= 1e-11 * abs(x).max()


@pytest.mark.parametrize("sides", SIDES, ids=str)
def test_the_preconditioner_is_symmetric_and_positive_definite(sides):
    solver = solved(sides)
    M, error = applied(solver)
    fluid = np.flatnonzero(~frame(SHAPE)[2].ravel())
    M, A = M[np.ix_(fluid, fluid)], solver.matrix().toarray()[np.ix_(fluid, fluid)]
    assert error <= 1e-9
    assert abs(M - M.T).max() <= 1e-9 * abs(M).max()
    values, modes = np.linalg.eigh(A)
    seen = modes[:, values > 1e-10 * values.max()]
    assert np.linalg.eigvalsh(seen.T @ M @ seen)[0] > 0


@pytest.mark.parametrize("family", ["bubbles", "noise"])
@pytest.mark.parametrize("factor", [1.1, 1.2])
def test_iterations_are_about_those_of_an_even_grid(factor, family):
    """Leaves alone take 141 and 84 at 1.2, where the sizes grow 287-fold from the walls to the middle."""
    shape = (64, 64)
    density, rhs = problems.frame(family, shape, seed=0, contrast=1e3)
    counts = []
    for sizes in (1.0, (1.0, growing(64, factor)), (growing(64, factor), 1.0), both(shape, factor)):
        solver = Solver(shape, spacing=sizes, preconditioner="schwarz")
        solver.step(density, rhs)
        assert solver.info.converged
        counts.append(solver.info.iterations)
    assert max(counts[1:]) <= 1.8 * counts[0]


@pytest.mark.parametrize("preconditioner", ["auto", "multigrid", "htp"])
def test_grids_that_leaves_alone_do_not_solve(preconditioner):
    """128x128 at 1.15 took more than 1,000 iterations, whatever the preconditioner."""
    density, rhs = problems.frame("bubbles", (128, 128), seed=0, contrast=1e3)
    solver = Solver((128, 128), spacing=both((128, 128), 1.15), preconditioner=preconditioner)
    solver.step(density, rhs)
    assert solver.info.converged and solver.info.iterations <= 25


def test_lines_are_relaxed_on_stretched_plane_grids_alone():
    sizes = growing(32, 1.2)

    def axes(shape: tuple[int, ...], *spacing) -> tuple[int, ...]:
        return make_grid(shape, spacing, "wall").line_axes

    assert axes((32, 32), sizes, sizes) == (0, 1)
    assert axes((32, 32), 1.0, sizes) == (0,)
    assert axes((32, 32), sizes, 1.0) == (1,)
    assert axes((32, 32), growing(32, 1.1), 1.0) == ()
    assert axes((32, 32), 1.0, 100.0) == ()
    assert axes((8, 32, 32), 1.0, sizes, sizes) == ()
    assert auto(make_grid((32, 64), (sizes, 1.0), "wall"), wp.get_device()) == "schwarz"


@pytest.mark.parametrize("sweep", ["deflated", "additive"])
def test_forms_without_lines_keep_long_leaves(sweep):
    solver = Solver((64, 64), spacing=(1.0, growing(64, 1.2)), preconditioner=Schwarz(sweep=sweep))
    assert solver.system.bricks.extent == (1, 64, 1)
    assert Solver((64, 64), spacing=(1.0, growing(64, 1.2)), preconditioner="schwarz").system.bricks.extent == (1, 8, 8)


@pytest.mark.parametrize("options", [{"dense": True}, {"levels": 3}, {"coarse_size": 8, "candidates": 16}], ids=str)
def test_every_form_of_the_leaves_takes_them(options):
    shape = (48, 40)
    density, rhs = problems.frame("bubbles", shape, seed=0, contrast=1e3)
    solver = Solver(shape, spacing=both(shape, 1.25), preconditioner=Schwarz(leaf_size=128, **options))
    solver.step(density, rhs)
    assert solver.info.converged and not solver.info.fallback and solver.info.iterations <= 20


@pytest.mark.parametrize("precision", ["mixed", "float32"])
def test_solids_of_every_frame_are_solved_as_resting_ones(precision):
    density, rhs, solid = frame(SHAPE)
    options = {"spacing": both(SHAPE, 1.2), "preconditioner": "schwarz", "precision": precision, "tolerance": 1e-5}
    resting, moving = (Solver(SHAPE, **options) for _ in range(2))
    resting.set_solid(solid)
    expected = resting.step(density, rhs)
    found = moving.step(density, rhs, solid=solid)
    assert resting.info.converged and moving.info.converged
    assert moving.info.iterations <= 15  # resting solids get more functions: 6
    assert abs(found - expected).max() <= 1e-3 * abs(expected).max()


def test_worlds_get_what_they_would_get_alone():
    frames = [frame(SHAPE, seed)[:2] for seed in range(3)]
    options = {"spacing": both(SHAPE, 1.2), "preconditioner": "schwarz"}
    together = Solver(SHAPE, worlds=3, **options).step(*(np.stack(part) for part in zip(*frames, strict=True)))
    for w, one in enumerate(frames):
        assert np.array_equal(together[w], Solver(SHAPE, **options).step(*one))
