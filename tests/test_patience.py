"""A preconditioner that is too slow gives way to its fallback, which then begins the next frames."""

import numpy as np
import oracle
import pytest

from hpsolver import Solver, Status, problems
from hpsolver.capture import capture_pieces
from hpsolver.pcg import first_limit
from hpsolver.preconditioners import Multigrid


def serpentine(n):
    """Solid walls on odd rows, open at alternating ends: a channel one cell wide."""
    solid = np.zeros((n, n), bool)
    solid[1::2] = True
    for turn, row in enumerate(range(1, n, 2)):
        solid[row, 0 if turn % 2 else -1] = False
    return solid


@pytest.fixture
def hopeful(monkeypatch):
    """Lets multigrid begin a frame whatever the solids are."""
    monkeypatch.setattr(Multigrid, "_doubts", lambda self: False)


def test_a_preconditioner_that_is_too_slow_gives_way_to_its_fallback(hopeful):
    """Multigrid does not solve a long channel in 1,000 iterations; ``schwarz`` takes over after the first 12, which
    brought nothing."""
    n = 129
    solver = Solver((n, n), preconditioner="multigrid", max_iterations=1000)
    solver.set_solid(serpentine(n))
    rhs = np.random.default_rng(3).standard_normal((n, n))
    pressure = solver.step(np.ones((n, n)), rhs)
    assert solver.info.status is Status.CONVERGED and solver.info.fallback
    assert solver.info.preconditioner == "schwarz"
    assert 12 < solver.info.iterations < 40
    alone = Solver((n, n), preconditioner="schwarz", tolerance=1e-10)
    alone.set_solid(serpentine(n))
    expected = alone.step(np.ones((n, n)), rhs)
    assert abs(pressure - expected).max() <= 1e-4 * abs(expected).max()


def test_a_fallback_that_was_needed_begins_the_next_frames(hopeful):
    """It begins a frame for three iterations in vain (multigrid gives way after 12 here), then twice as many, and so
    on, until the solids change or the chosen one solves a frame."""
    n = 65
    rhs = np.random.default_rng(3).standard_normal((n, n))
    solver = Solver((n, n), preconditioner="multigrid")
    solver.set_solid(serpentine(n))

    def begins() -> str:
        p = solver.step(np.ones((n, n)), rhs)
        info = solver.info
        assert info.converged and (info.preconditioner == "schwarz") == info.fallback
        A = oracle.assemble(np.ones((n, n)), solid=solver_solid)
        assert oracle.residual(A, p, rhs, solver_solid) <= 1.001e-6
        return "multigrid" if info.iterations > 12 or not info.fallback else "schwarz"

    solver_solid = serpentine(n)
    expected = ["multigrid"] + 4 * ["schwarz"] + ["multigrid"] + 8 * ["schwarz"] + ["multigrid"] + 3 * ["schwarz"]
    assert [begins() for _ in expected] == expected
    solver_solid = np.zeros((n, n), bool)
    solver.set_solid(None)
    assert begins() == "multigrid" and not solver.info.fallback
    solver_solid = serpentine(n)
    solver.set_solid(solver_solid)
    assert [begins() for _ in range(6)] == ["multigrid"] + 4 * ["schwarz"] + ["multigrid"]


def test_easy_frames_shorten_the_next_pause():
    """If frames are easy when the chosen preconditioner is tried again, a later hard frame costs four frames again."""
    shape = (64, 64)
    hard, easy = (problems.frame("film", shape, seed=0, contrast=1e5), problems.frame("panel", shape, seed=0))
    solver = Solver(shape, preconditioner="multigrid")

    def fallbacks(frame, count: int) -> list[bool]:
        result = []
        for _ in range(count):
            solver.step(*frame)
            assert solver.info.converged
            result.append(solver.info.fallback)
        return result

    assert fallbacks(hard, 10) == 10 * [True]  # the sixth tried the chosen one in vain, so eight follow
    assert fallbacks(easy, 6) == 4 * [True] + 2 * [False]
    assert fallbacks(hard, 1) == [True]
    assert fallbacks(easy, 5) == 4 * [True] + [False]


def test_a_pause_is_the_same_in_a_frame_cut_in_pieces():
    n = 65
    rhs = np.random.default_rng(3).standard_normal((n, n))
    whole, pieces = (Solver((n, n), preconditioner="multigrid") for _ in range(2))
    for solver in (whole, pieces):
        solver.set_solid(serpentine(n))
        solver.step(np.ones((n, n)), rhs)
    pieces._frame.graph = capture_pieces(pieces._frame.record, pieces.device)
    for _ in range(10):
        assert np.array_equal(whole.step(np.ones((n, n)), rhs), pieces.step(np.ones((n, n)), rhs))
        assert whole.info.iterations == pieces.info.iterations


@pytest.mark.parametrize(("name", "limit"), [("multigrid", 199), ("jacobi", 300), ("schwarz", 300)])
def test_a_budget_is_not_shared_where_that_would_not_help(name, limit, hopeful):
    """Too small a budget, no fallback, or only the diagonal to fall back on."""
    solver = Solver((129, 129), preconditioner=name, max_iterations=limit, tolerance=1e-12)
    assert first_limit(limit, solver.preconditioner, solver.fallback) == limit
    if name != "schwarz":
        solver.set_solid(serpentine(129))
        solver.step(np.ones((129, 129)), np.random.default_rng(3).standard_normal((129, 129)))
        assert solver.info.status is Status.MAX_ITERATIONS
        assert solver.info.iterations == limit and not solver.info.fallback


@pytest.mark.parametrize(
    ("shape", "early", "frames"),
    [((16, 16, 16), 10, [(0, 1e5), (0, 1e3)]), ((28, 28, 28), 14, [(1, 1e5), (1, 1e3)])],
    ids=["small", "large"],
)
def test_multigrid_that_comes_nowhere_gives_way_before_its_patience_ends(shape, early, frames):
    """Thin films in 3D: at 1e5:1 it has come nowhere after a quarter of its patience, or a fifth. At 1e3:1 it needs
    more than that, but comes on. Where ``schwarz`` is cheap, its patience is short."""
    (hard, easier), counts = frames, []
    for seed, contrast in (hard, easier):
        solver = Solver(shape, preconditioner="multigrid")
        assert solver.preconditioner.patience.early == early
        solver.step(*problems.frame("film", shape, seed=seed, contrast=contrast))
        assert solver.info.converged
        counts.append((solver.info.fallback, solver.info.iterations))
    assert counts[0][0] and early < counts[0][1] < 100
    assert not counts[1][0] and early < counts[1][1] < 100


def test_multigrid_that_comes_on_slowly_keeps_its_whole_patience(hopeful):
    """Water behind a dam with a quarter of its cells solid: alone, multigrid would take 60 iterations."""
    shape = (64, 64)
    solver = Solver(shape, preconditioner="multigrid")
    solver.set_solid(np.random.default_rng(5).random(shape) < 0.25)
    solver.step(*problems.frame("dam", shape, seed=3, contrast=1e5))
    assert solver.info.converged and solver.info.fallback
    assert 40 < solver.info.iterations < 60
