"""Overlapping windows, the near field of ``dd_attention``, against dense algebra."""

import itertools

import numpy as np
import oracle
import pytest
import scipy.linalg
import warp as wp
from applied import applied

from hpsolver import Solver, Status, problems
from hpsolver.bricks import EXTENTS
from hpsolver.preconditioners import DDAttention, Schwarz
from hpsolver.preconditioners.windows import Windows

RNG = np.random.default_rng(0)
POCKETS = np.pad(RNG.random((18, 9)) < 0.3, 1, constant_values=True)  # closed fluid regions inside single windows
CASES = {
    "partial bricks": ((40, 20), (("open", "wall"), "wall"), None),
    "periodic": ((40, 30), ("periodic", "open"), None),
    "periodic, last brick of one cell": ((33, 24), "periodic", None),
    "solids and pockets": (POCKETS.shape, "wall", POCKETS),
    "space": ((9, 6, 13), ("wall", "open", "periodic"), None),
    "space with solids": ((12, 9, 8), "wall", RNG.random((12, 9, 8)) < 0.3),
}


def frame(shape):
    density = problems.density("film", shape, seed=0, contrast=1e3)
    return density, problems.rhs("random", density)


def windows(shape, boundary, overlap) -> list[np.ndarray]:
    """Row-major numbers of each window's cells, in the order of its box."""
    number = np.arange(np.prod(shape)).reshape(shape)
    bricks = EXTENTS[len(shape), 128][3 - len(shape) :]
    ranges = []
    for n, brick, sides in zip(shape, bricks, oracle.sides(boundary, len(shape)), strict=True):
        axis = []
        for low in range(0, n, brick):
            cells = np.arange(low - overlap, min(low + brick, n) + overlap)
            axis.append(cells % n if "periodic" in sides else cells[(cells >= 0) & (cells < n)])
        ranges.append(axis)
    return [number[np.ix_(*cells)].ravel() for cells in itertools.product(*ranges)]


def matrices(A, cells, solid) -> list[np.ndarray]:
    """A on each window. The first cell of a closed region inside the window counts twice on the diagonal; for a cell
    without any face, whose row is zero, that is twice 1."""
    closed = [set(region) for region, singular in oracle.regions(A, solid) if singular]
    blocks = []
    for own in cells:
        block = A[own][:, own].toarray()
        for region in closed:
            if region <= set(own):
                first = next(k for k, c in enumerate(own) if c in region)
                block[first, first] += A[own[first], own[first]] or 2.0
        blocks.append(block)
    return blocks


def near_field(A, cells, inverses) -> np.ndarray:
    """sum_i R_i^T D_i^1/2 inverse_i D_i^1/2 R_i, with D_i one over the number of windows that hold the cell."""
    n = A.shape[0]
    holders = np.bincount(np.concatenate(cells), minlength=n)
    B = np.zeros((n, n))
    for own, inverse in zip(cells, inverses, strict=True):
        root = holders[own] ** -0.5
        B[np.ix_(own, own)] += root[:, None] * inverse * root
    return B


def measured(solver, overlap, rank=None, dense=False) -> np.ndarray:
    """B [cells, cells] of ``Windows`` on the solver's last frame."""
    system = solver.system
    own = Windows(system, overlap, rank, dense)
    if rank:
        DDAttention.fill(own)
    changed = wp.full(system.leaves, 1, dtype=wp.int32)
    own.update(changed)
    real = system.bricks.cell >= 0
    r = system.zeros(system.size, system.krylov_type)
    B = np.empty((system.grid.cells,) * 2)
    for cell, place in zip(system.bricks.cell[real], np.flatnonzero(real), strict=True):
        r.zero_()
        r.numpy()[place] = 1.0
        own.solve(r)
        assert not own.y.numpy()[~real].any()
        B[system.bricks.cell[real], cell] = own.y.numpy()[real]
    return B


def on_fluid(matrix, solid):
    """``matrix`` without the rows and columns of solid cells, which solve for nothing."""
    fluid = np.ones(len(matrix), bool) if solid is None else ~solid.ravel()
    return matrix[np.ix_(fluid, fluid)]


def assembled(case: str) -> tuple[Solver, np.ndarray]:
    """A solver that has assembled the case's operator, and that operator from an independent assembly."""
    shape, boundary, solid = CASES[case]
    density, rhs = frame(shape)
    solver = Solver(shape, boundary=boundary, precision="float64", preconditioner=Schwarz(8, leaf_size=128))
    solver.set_solid(solid)
    solver.step(density, rhs)
    return solver, oracle.assemble(density, boundary=boundary, solid=solid)


@pytest.mark.parametrize(("overlap", "dense"), [(0, False), (1, False), (2, False), (1, True)])
@pytest.mark.parametrize("case", CASES)
def test_windows_are_weighted_inverses_of_the_restricted_operator(case, overlap, dense):
    shape, boundary, solid = CASES[case]
    solver, A = assembled(case)
    cells = windows(shape, boundary, overlap)
    expected = near_field(A, cells, map(np.linalg.inv, matrices(A, cells, solid)))
    found = measured(solver, overlap, dense=dense)
    assert abs(on_fluid(found - expected, solid)).max() <= 1e-9 * abs(expected).max()


@pytest.mark.parametrize("overlap", [0, 1])
@pytest.mark.parametrize("case", ["partial bricks", "periodic", "space"])  # solids make equal eigenvalues
def test_low_rank_windows_keep_the_weakest_modes_and_the_diagonal(case, overlap):
    shape, boundary, solid = CASES[case]
    solver, A = assembled(case)
    diagonal = np.where(A.diagonal() == 0.0, 1.0, A.diagonal())
    cells, inverses = windows(shape, boundary, overlap), []
    for own, block in zip(cells, matrices(A, cells, solid), strict=True):
        size, u = scipy.linalg.eigh(block, np.diag(diagonal[own]))
        inverses.append(u[:, :8] / size[:8] @ u[:, :8].T)
    expected = near_field(A, cells, inverses) + np.diag(1.0 / diagonal)
    found = measured(solver, overlap, rank=8)
    assert abs(on_fluid(found - expected, solid)).max() <= 1e-6 * abs(expected).max()


@pytest.mark.parametrize("overlap", [0, 1, 2])
@pytest.mark.parametrize("case", CASES)
def test_weights_are_a_partition_of_unity(case, overlap):
    """sum_i R_i^T D_i R_i = I, for the weights as the device has them."""
    shape, boundary, _ = CASES[case]
    solver = Solver(shape, boundary=boundary, preconditioner=DDAttention(overlap=overlap))
    own = solver.preconditioner.windows
    total = np.zeros(solver.system.size)
    held = own.cells[own.cells >= 0]
    np.add.at(total, held, own.weight.numpy()[held] ** 2)
    real = solver.system.bricks.cell >= 0
    np.testing.assert_allclose(total[real], 1.0, rtol=1e-14)
    assert not total[~real].any()
    assert all(len(set(window[window >= 0])) == np.count_nonzero(window >= 0) for window in own.cells)


@pytest.mark.parametrize("shape", [(40, 20), (9, 6, 13)])
@pytest.mark.parametrize(
    "preconditioner",
    [
        *(DDAttention(overlap=overlap) for overlap in (0, 1, 2)),
        *(DDAttention(rank=r) for r in (8, 64)),
    ],
    ids=["overlap 0", "overlap 1", "overlap 2", "rank 8", "rank 64"],
)
def test_additive_forms_are_symmetric_positive_definite(preconditioner, shape):
    density, rhs = problems.frame("noise", shape, seed=0, contrast=1e4)
    solver = Solver(shape, preconditioner=preconditioner, precision="float64")
    solver.step(density, rhs)
    M, error = applied(solver)
    assert abs(M - M.T).max() <= 1e-9 * abs(M).max()
    assert error <= 1e-12
    root = np.linalg.cholesky(oracle.assemble(density).toarray() + 1e-12 * np.eye(len(M)))
    spectrum = np.linalg.eigvalsh(root.T @ M @ root)  # of M A: a zero for the constant, the others away from it
    assert spectrum[1] > 1e-4
    assert np.linalg.eigvalsh(0.5 * (M + M.T))[0] > 0


def test_more_rank_takes_fewer_iterations():
    frame = problems.frame("film", (64, 32), seed=1, contrast=1e3)
    counts = []
    for rank in (8, 16, 32, None):
        solver = Solver((64, 32), preconditioner=DDAttention(rank=rank), tolerance=1e-8)
        solver.step(*frame)
        assert solver.info.converged and not solver.info.fallback
        counts.append(solver.info.iterations)
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 1.3 * counts[-1]


def test_overlap_takes_fewer_iterations_than_the_same_form_without():
    frame = problems.frame("panel", (64, 64), seed=0)
    counts = []
    for overlap in (0, 1):
        solver = Solver((64, 64), preconditioner=DDAttention(overlap=overlap), tolerance=1e-8)
        solver.step(*frame)
        counts.append(solver.info.iterations)
    assert counts[1] < counts[0]


def test_weights_that_jump_in_a_light_phase_make_the_norm_grow_with_the_contrast():
    """The price of a symmetric partition of unity, and why overlap is no default."""
    largest = {}
    for overlap, contrast in itertools.product((0, 1), (1e1, 1e5)):
        density, rhs = problems.frame("film", (40, 20), seed=0, contrast=contrast)
        solver = Solver((40, 20), preconditioner=DDAttention(overlap=overlap), precision="float64")
        solver.step(density, rhs)
        M, _ = applied(solver)
        largest[overlap, contrast] = abs(np.linalg.eigvals(M @ oracle.assemble(density).toarray())).max()
    assert largest[0, 1e1] < 3.01 and largest[0, 1e5] < 3.01  # 3 is its bound
    assert largest[1, 1e1] < 4 and largest[1, 1e5] > 100


def test_launches(monkeypatch):
    launched = []
    solver = Solver((32, 16), preconditioner=DDAttention(4))
    monkeypatch.setattr(wp, "launch_tiled", lambda kernel, *args, **kwargs: launched.append(kernel.key))
    vectors = [solver.system.zeros(solver.system.size, wp.float64) for _ in range(2)]
    solver.preconditioner.apply(*vectors, solver.system.zeros(1, wp.float64))
    assert launched == ["solve_windows", "merge_windows", "restrict", "substitute", "prolong"]
    assert solver.preconditioner.launches == 5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DDAttention(overlap=3), "overlap must be one of .0, 1, 2., got 3"),
        (lambda: DDAttention(overlap=-1), "overlap must be one of .0, 1, 2., got -1"),
        (lambda: DDAttention(overlap=True), "overlap must be one of .0, 1, 2., got True"),
        (lambda: DDAttention(overlap=5), "overlap must be one of .0, 1, 2., got 5"),
        (lambda: DDAttention(rank=12), "rank must be None or one of .8, 16, 32, 64., got 12"),
        (lambda: DDAttention(coarse_size=3), "coarse_size must be one of .*, got 3"),
    ],
)
def test_options_outside_their_range_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_regions_closed_by_solids_are_solved():
    """Without a pin, every window with a pocket in it would be singular."""
    density, rhs = frame(POCKETS.shape)
    for preconditioner in (DDAttention(overlap=2), DDAttention(rank=8), DDAttention(4, overlap=1)):
        solver = Solver(POCKETS.shape, preconditioner=preconditioner, tolerance=1e-9)
        solver.set_solid(POCKETS)
        p = solver.step(density, rhs)
        assert solver.info.status is Status.CONVERGED and not solver.info.fallback
        assert oracle.residual(oracle.assemble(density, solid=POCKETS), p, rhs, POCKETS) <= 1.001e-9
