"""Functions on loose cells, which only other leaves hold fast: against dense algebra, and what they are worth."""

import numpy as np
import oracle
import pytest

from hpsolver import Solver, problems
from hpsolver.preconditioners import Schwarz
from hpsolver.preconditioners.haar import haar

SHIFT, SHARE = 1e-3, 0.9  # of kernels/native/leaves/rows.h and loose.h

CASES = {
    "leaves of 64": ((20, 33), "wall", 0.0, {"coarse_size": 4, "candidates": 8, "leaf_size": 64}),
    "leaves of 128": ((20, 33), (("open", "wall"), "periodic"), 0.0, {"coarse_size": 4, "candidates": 16}),
    "solids": ((24, 30), "wall", 0.1, {"coarse_size": 4, "candidates": 16, "leaf_size": 64}),
    "space": ((10, 9, 12), ("wall", "periodic", ("wall", "open")), 0.05, {"coarse_size": 8, "candidates": 24}),
}


def islands(shape: tuple[int, ...], share: float = 0.1) -> np.ndarray:
    """A heavy fluid with single light cells, at 1e5:1."""
    return np.where(np.random.default_rng(7).random(shape) < share, 1.0, 1e5)


def loose_groups(A: np.ndarray, own: np.ndarray, most: int) -> list[np.ndarray]:
    """Indicators, over the cells of a leaf, of groups of its loose cells in the order of the cells."""
    inside = -np.where(np.eye(len(own), dtype=bool), 0.0, A[np.ix_(own, own)]).sum(axis=1)
    whole = A[own, own]
    everywhere = -(A[own].sum(axis=1) - whole)
    loose = np.flatnonzero(everywhere - inside > SHARE * whole)
    count = min(most, len(loose))
    groups = np.arange(len(loose)) * count // max(len(loose), 1)
    return [np.isin(np.arange(len(own)), loose[groups == g]).astype(float) for g in range(count)]


@pytest.mark.parametrize("dense", [False, True], ids=["banded", "dense"])
@pytest.mark.parametrize("case", CASES)
def test_candidates_are_those_of_dense_algebra(case, dense):
    """Constants of the pieces, then the inverse step of Haar functions and, at last, of groups of loose cells."""
    shape, boundary, share, options = CASES[case]
    density, solid = islands(shape), np.random.default_rng(1).random(shape) < share
    solver = Solver(shape, boundary=boundary, preconditioner=Schwarz(dense=dense, **options), precision="float64")
    solver.set_solid(solid)
    solver.step(density, np.random.default_rng(2).standard_normal(shape))
    assert solver.info.converged
    A = oracle.assemble(density, boundary=boundary, solid=solid).toarray()
    space, bricks, C = solver.preconditioner._space, solver.system.bricks, options["candidates"]
    found = space.selection.candidates.numpy().reshape(bricks.leaves, C, -1)
    constants = space._pieces.numpy().reshape(bricks.leaves, -1)
    start, seen = haar(bricks.extent, C - 1), 0
    for leaf, cell in enumerate(bricks.cell.reshape(bricks.leaves, -1)):
        fluid = (cell >= 0) & (constants[leaf] > 0)
        own, pieces = cell[fluid], int(constants[leaf].max(initial=0))
        if not len(own):
            continue
        room = C - pieces
        groups = loose_groups(A, own, min(C // 2, room))
        seen += len(groups)
        functions = [*start[: room - len(groups), fluid].astype(float), *groups]
        D, couplings = A[own, own], np.where(np.eye(len(own), dtype=bool), 0.0, A[np.ix_(own, own)])
        closed = couplings + np.diag(A[own].sum(axis=1) - couplings.sum(axis=1) + SHIFT * D)
        stepped = np.linalg.solve(closed, D[:, None] * np.array(functions).T)
        ones = [(constants[leaf][fluid] == piece + 1).astype(float) for piece in range(pieces)]
        expected = np.column_stack([*ones, stepped])
        expected = expected[:, expected.any(axis=0)]
        expected /= np.linalg.norm(expected, axis=0)
        values = found[leaf][:, fluid].T
        values = values[:, np.linalg.norm(values, axis=0) > 0.5]
        assert abs(values.T @ values - np.eye(values.shape[1])).max() < 1e-4
        left = expected - values @ (values.T @ expected)  # all that was to be spanned is, up to what was dropped
        assert abs(left).max() < 2e-3, leaf
        assert values.shape[1] <= np.linalg.matrix_rank(expected, tol=1e-7)
    assert seen > bricks.leaves


@pytest.mark.parametrize("dense", [False, True], ids=["banded", "dense"])
def test_light_cells_across_the_faces_of_leaves_cost_no_iterations(dense):
    """Leaves of 8x8. Each light cell binds four heavy ones, also those beyond a face of its leaf, which no smooth
    function follows: without the functions on loose cells this takes 34 iterations."""
    shape = (64, 64)
    solver = Solver(shape, preconditioner=Schwarz(4, candidates=8, leaf_size=64, dense=dense))
    solver.step(islands(shape, 0.03), np.random.default_rng(2).standard_normal(shape))
    assert solver.info.converged and solver.info.iterations <= 20


def test_torn_films_in_space_take_few_iterations():
    """The film that took the most, of the first few: 45 iterations without functions on loose cells."""
    density, rhs = problems.frame("film", (24, 24, 24), seed=1, contrast=1e6)
    solver = Solver((24, 24, 24), preconditioner=Schwarz(8, candidates=24), device="cpu")
    p = solver.step(density, rhs)
    assert solver.info.converged and solver.info.iterations <= 25
    assert oracle.residual(oracle.assemble(density), p, rhs) <= 1.001e-6
