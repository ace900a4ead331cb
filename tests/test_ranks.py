"""Ranks that vary from leaf to leaf: who has how many functions, and the preconditioner against dense NumPy."""

import numpy as np
import oracle
import pytest
import warp as wp
from applied import applied

from hpsolver import Solver, problems
from hpsolver.grid import make_grid
from hpsolver.preconditioners import Schwarz
from hpsolver.preconditioners.ranks import AdaptiveRanks
from hpsolver.system import System

VARIANTS = {
    "additive": {"deflated": False, "sweep": "additive"},
    "deflated": {"sweep": "additive"},
    "redblack": {},
}
CASES = {
    "open, partial leaves": ((28, 12), (("open", "wall"), "wall"), False),
    "closed": ((24, 16), "wall", False),
    "periodic, three colours": ((24, 12), ("periodic", ("wall", "open")), False),
    "solids that cut leaves": ((20, 16), (("open", "wall"), "wall"), True),
    "closed, 3D": ((10, 8, 5), "wall", False),
    "solids and periodic, 3D": ((10, 8, 6), ("wall", "periodic", ("open", "wall")), True),
}


def solids(shape: tuple[int, ...]) -> np.ndarray:
    """A wall along the first axis that cuts leaves in two or more, a gap in it, and a chamber inside a leaf."""
    solid = np.zeros(shape, bool)
    solid[:, 3] = True
    solid[-2:, 3] = False
    solid[5, :] = True
    solid[5, -2:] = False
    solid[1:4, 0:3] = True
    solid[2, 1] = solid[1, 1] = False
    return solid


def adaptive(case: str, monkeypatch: pytest.MonkeyPatch, **options: object) -> tuple[Solver, np.ndarray]:
    """A solver of 4 of 8 functions in double precision after a frame of the case, and random worths [leaves, 8] that it
    went by."""
    shape, boundary, has_solids = CASES[case]
    preconditioner = Schwarz(4, candidates=8, ranks="adaptive", **options)
    solver = Solver(shape, boundary=boundary, preconditioner=preconditioner, precision="float64")
    if has_solids:
        solver.set_solid(solids(shape))
    worth = random_worth(solver.system.leaves, 8, 0)
    assign_by(worth, monkeypatch)
    density = problems.density("film", shape, seed=0, contrast=1e3)
    solver.step(density, problems.rhs("random", density))
    return solver, worth


def assign_by(worth: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> wp.array:
    """From now on ranks are assigned by ``worth`` [leaves, most], not by what functions are worth. Returned for later
    frames to find other numbers in."""
    given, assign = wp.array(worth.ravel(), dtype=wp.float64), AdaptiveRanks.assign
    monkeypatch.setattr(AdaptiveRanks, "assign", lambda self, changed, _: assign(self, changed, given))
    return given


def random_worth(leaves: int, C: int, seed: int) -> np.ndarray:
    return -np.sort(-np.random.default_rng(seed).lognormal(sigma=3.0, size=(leaves, C)))


def best(worth: np.ndarray, constants: np.ndarray, rows: int) -> np.ndarray:
    """[leaves] ranks by sorting: all constants, then the best others while there are rows, of equals all or none."""
    others = worth[np.arange(worth.shape[1]) >= constants[:, None]]
    others = -np.sort(-others[others > 0.0])
    room = rows - int(constants.sum())
    bound = others[room] if room < len(others) else 0.0
    return constants + ((np.arange(worth.shape[1]) >= constants[:, None]) & (worth > bound)).sum(axis=1)


def pieces(solver: Solver, C: int) -> np.ndarray:
    """[leaves] constants: pieces of fluid in each leaf, 1 to C."""
    return np.clip(solver.system.pieces.reshape(solver.system.leaves, -1).max(axis=1), 1, C)


def basis(solver: Solver, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[cells, functions] those that count, without the zero ones, and the leaf of each."""
    system = solver.system
    phi = solver.preconditioner._basis.numpy().reshape(system.leaves, -1, system.bricks.leaf_size)
    columns, leaf = [], []
    for b, rank in enumerate(ranks):
        for f in range(rank):
            if phi[b, f].any():
                column = np.zeros((system.leaves, system.bricks.leaf_size))
                column[b] = phi[b, f]
                columns.append(system.bricks.from_bricks(column.ravel(), system.grid.shape).ravel())
                leaf.append(b)
    return np.column_stack(columns), np.array(leaf)


def formula(solver: Solver, A: np.ndarray, ranks: np.ndarray, singular: list[np.ndarray], variant: str) -> np.ndarray:
    """M of the docstring of ``hpsolver.preconditioners.schwarz``, with these functions alone."""
    bricks, shape = solver.system.bricks, solver.grid.shape
    leaf_of = bricks.from_bricks(np.repeat(np.arange(bricks.leaves), bricks.leaf_size), shape).ravel()
    D = np.where(leaf_of[:, None] == leaf_of, A, 0.0)
    for cells in singular:  # a region inside one leaf: its level is fixed at a cell, which no projected result shows
        if len(set(leaf_of[cells])) == 1:
            D[cells[0], cells[0]] *= 2.0
    B = np.linalg.inv(D)
    Phi, leaf = basis(solver, ranks)
    Q = Phi @ np.linalg.pinv(Phi.T @ A @ Phi, rcond=1e-13, hermitian=True) @ Phi.T
    if variant == "additive":
        local = np.where(leaf[:, None] == leaf, Phi.T @ D @ Phi, 0.0)
        return B + Q - Phi @ np.linalg.solve(local, Phi.T)
    if variant == "redblack":
        color = np.empty(bricks.leaves, int)
        for k, members in enumerate(bricks.colors):
            color[members] = k
        lower = np.where(color[leaf_of][:, None] > color[leaf_of], A, 0.0)
        B = np.linalg.inv(D + lower.T) @ D @ np.linalg.inv(D + lower)
    return B + Q @ (np.eye(len(A)) - A @ B)


@pytest.mark.parametrize("dense", [False, True], ids=["banded", "dense"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", CASES)
def test_preconditioner_is_its_formula_with_the_functions_that_count(case, variant, dense, monkeypatch):
    solver, worth = adaptive(case, monkeypatch, dense=dense, **VARIANTS[variant])
    shape, boundary, has_solids = CASES[case]
    solid = solids(shape) if has_solids else np.zeros(shape, bool)
    density = problems.density("film", shape, seed=0, contrast=1e3)
    A = oracle.assemble(density, boundary=boundary, solid=solid)
    singular = [cells for cells, alone in oracle.regions(A, solid) if alone]
    ranks = best(worth, pieces(solver, 8), solver.preconditioner._ranks.rows)
    assert len(set(ranks)) > 2
    expected = formula(solver, A.toarray(), ranks, singular, variant)
    found, error = applied(solver)
    assert error < 1e-9
    project = np.diag((~solid.ravel()).astype(float))
    for cells in singular:
        project[np.ix_(cells, cells)] -= 1.0 / len(cells)
    found, expected = (project @ M @ project for M in (found, expected))
    size, vectors = np.linalg.eigh(A.toarray())
    root = vectors * np.sqrt(np.maximum(size, 0.0))  # in the norm of A, in which M is about the identity
    assert np.linalg.norm(root.T @ (found - expected) @ root) <= 1e-9 * np.linalg.norm(root.T @ expected @ root, 2)


@pytest.mark.parametrize("dense", [False, True], ids=["banded", "dense"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_equal_ranks_are_uniform_ones(variant, dense, monkeypatch):
    density, rhs = problems.frame("film", (40, 32), seed=0, contrast=1e3)
    options = VARIANTS[variant] | {"dense": dense, "leaf_size": 128}
    both = [Schwarz(4, candidates=8, ranks=ranks, **options) for ranks in ("uniform", "adaptive")]
    solvers = [Solver(density.shape, preconditioner=p, precision="float64", tolerance=1e-8) for p in both]
    assign_by(np.tile(np.arange(8.0, 0.0, -1.0), (solvers[0].system.leaves, 1)), monkeypatch)
    uniform, adaptive = (solver.step(density, rhs) for solver in solvers)
    assert solvers[0].info.iterations == solvers[1].info.iterations
    assert np.allclose(uniform, adaptive, rtol=0, atol=1e-9 * abs(uniform).max())


def test_leaves_that_did_not_change_give_what_a_fresh_solver_gives(monkeypatch):
    """Though their rank changes, and where their rows begin, because others' worth did."""
    density, rhs = problems.frame("film", (40, 32), seed=0, contrast=1e3)
    moved = density.copy()
    moved[0:4, 0:4] *= 50.0
    first = random_worth(20, 8, 0)
    second = first.copy()
    second[0] *= 1e6
    given = assign_by(first, monkeypatch)
    for options in ({}, {"dense": True}, VARIANTS["additive"], VARIANTS["additive"] | {"dense": True}):
        chosen = Schwarz(4, candidates=8, ranks="adaptive", **options)
        kept, ranks = Solver(density.shape, preconditioner=chosen), []
        for frame, worth in ((density, first), (density, first), (moved, second), (density, first)):
            given.assign(worth.ravel())
            fresh = Solver(density.shape, preconditioner=chosen)
            assert np.array_equal(kept.step(frame, rhs), fresh.step(frame, rhs))
            ranks.append(kept.preconditioner._ranks.of_nodes[0].numpy().copy())
        assert (ranks[1] == ranks[0]).all() and (ranks[3] == ranks[0]).all()
        assert (ranks[2][1:] < ranks[0][1:]).any()


def test_replay_equals_eager():
    chosen = Schwarz(4, candidates=8, ranks="adaptive")
    replayed, eager = (Solver((40, 32), preconditioner=chosen) for _ in range(2))
    for seed in (0, 1, 2, 0):
        density, rhs = problems.frame("bubbles", (40, 32), seed=seed)
        eager._replay = None  # the first step runs eagerly, then captures
        assert np.array_equal(replayed.step(density, rhs), eager.step(density, rhs))


def assigned(worth: np.ndarray, constants: np.ndarray, mean: int) -> tuple[np.ndarray, AdaptiveRanks]:
    """Ranks of a row of leaves."""
    leaves, most = worth.shape
    system = System(make_grid((8 * leaves, 8)), 64, "float64", wp.get_device("cpu"))
    ranks = AdaptiveRanks(system, system.bricks, mean, most, constants)
    ranks.assign(wp.ones(leaves, dtype=wp.int32), wp.array(worth.ravel(), dtype=wp.float64))
    return ranks.of_nodes[0].numpy(), ranks


@pytest.mark.parametrize("leaves", [1, 3, 300])
@pytest.mark.parametrize("worth", ["random", "infinite", "tiny", "equal", "mostly nothing"])
def test_ranks_are_the_best_that_there_are_rows_for(worth, leaves):
    rng = np.random.default_rng(leaves)
    value = random_worth(leaves, 8, leaves)
    if worth == "infinite":
        value[rng.random(leaves) < 0.5, :2] = np.inf
    elif worth == "tiny":
        value *= 5e-324 / value.min() if leaves == 1 else 1e-310
    elif worth == "equal":
        value = np.ceil(-np.sort(-rng.random((leaves, 8))) * 3.0)
    elif worth == "mostly nothing":
        value[:, 2:] = 0.0
    constants = rng.integers(1, 4, leaves)
    rank, ranks = assigned(value, constants, 4)
    assert (rank == best(value, constants, ranks.rows)).all()
    assert rank.sum() <= ranks.rows == max(4 * leaves, constants.sum())


def test_constants_are_kept_though_the_mean_is_less():
    rank, ranks = assigned(np.ones((6, 4)), np.array([3, 1, 4, 1, 1, 1]), 1)
    assert list(rank) == [3, 1, 4, 1, 1, 1] and ranks.rows == 11


def test_rows_number_the_functions_that_count_and_know_their_envelope():
    grid = make_grid((40, 24), boundary=("periodic", "wall"))
    system = System(grid, 64, "float64", wp.get_device("cpu"))
    leaves, neighbor = system.leaves, system.bricks.neighbor
    ranks = AdaptiveRanks(system, system.bricks, 4, 8, np.ones(leaves, int))
    ranks.assign(wp.ones(leaves, dtype=wp.int32), wp.array(random_worth(leaves, 8, 0).ravel(), dtype=wp.float64))
    rank, (_, first, unknown, begin, until, at, _) = ranks.of_nodes[0].numpy(), ranks.of_rows
    kept = [8 * b + f for b in range(leaves) for f in range(rank[b])]
    rows = len(kept)
    assert list(unknown.numpy()[:rows]) == kept
    assert list(first.numpy()) == list(np.cumsum([0, *rank]))
    leaf = np.array(kept) // 8
    coupled = (neighbor[leaf][:, :, None] == leaf).any(axis=1) | (leaf[:, None] == leaf)
    begin, until = begin.numpy()[:rows], until.numpy()[:rows]
    assert (begin <= coupled.argmax(axis=1)).all() and (np.diff(begin) >= 0).all()
    inside = begin[:, None] <= np.arange(rows)  # row q in column m, of the lower triangle
    last = [np.flatnonzero(inside[m:, m])[-1] + m for m in range(rows)]
    assert list(until - 1) == last
    columns, rows = np.meshgrid(np.arange(rows), np.arange(rows))
    stored = inside & (columns <= rows)
    places = at.numpy()[rows[stored]] + columns[stored]
    assert list(places) == list(range(stored.sum()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ranks": "some"}, "unknown ranks 'some'"),
        ({"coarse_size": 32, "ranks": "adaptive"}, "more candidates than coarse_size 32"),
        ({"basis": "optimal", "ranks": "adaptive"}, "needs basis='classical'"),
        ({"candidates": 4, "ranks": "adaptive"}, "more candidates than coarse_size 4"),
        ({"candidates": 8, "ranks": "adaptive", "sweep": "additive", "overlap": 1}, "overlap 0 .* got 1 and None"),
        ({"candidates": 8, "ranks": "adaptive", "levels": 3}, "levels None or 2, got 0 and 3"),
    ],
)
def test_bad_options_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        Schwarz(**options)
