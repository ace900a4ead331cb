"""Near-field references of the benchmark against dense NumPy in cell coordinates and against the library's own."""

import json
import math

import numpy as np
import oracle
import pytest
import torch
from applied import applied

from bench import congruence, near_field, near_oracles
from bench.congruence import Skeleton
from hpsolver import Solver, problems
from hpsolver.preconditioners import Schwarz

SHAPE, LEAF = (32, 16), 128
OPEN = (("open", "wall"), "wall")


def solved(boundary=OPEN, family="film", **options) -> tuple[Solver, Skeleton, np.ndarray]:
    """(solver of one frame, its skeleton, its A in brick order)."""
    solver = Solver(
        SHAPE,
        boundary=boundary,
        preconditioner=Schwarz(8, leaf_size=128, **options),
        precision="float64",
        tolerance=1e-8,
        device="cpu",
    )
    density, rhs = problems.frame(family, SHAPE, seed=10000)
    solver.step(density, rhs)
    cell = solver.system.bricks.cell
    return solver, Skeleton.of_solver(solver, 8), oracle.assemble(density, boundary=boundary).toarray()[cell][:, cell]


def block_diagonal(A: np.ndarray) -> np.ndarray:
    leaf = np.arange(len(A)) // LEAF
    return np.where(leaf[:, None] == leaf, A, 0.0)


def in_cells(skeleton: Skeleton, product) -> np.ndarray:
    return skeleton.to_cells(skeleton.dense(product)).numpy()


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-8) -> None:
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def assert_positive(M: np.ndarray) -> None:
    assert_close(M, M.T)
    assert np.linalg.eigvalsh(0.5 * (M + M.T))[0] > 0


@pytest.mark.parametrize("sweep, deflated", [("additive", False), ("additive", True), ("redblack", True)])
def test_references_are_what_the_library_applies(sweep, deflated):
    solver, skeleton, _ = solved(sweep=sweep, deflated=deflated)
    near = skeleton.sweep() if sweep == "redblack" else (lambda r: r)
    product = skeleton.deflated(near) if deflated else skeleton.additive
    cell = solver.system.bricks.cell
    # The networks' operator, from which the reference takes its basis, is in single precision.
    assert_close(in_cells(skeleton, product), applied(solver)[0][cell][:, cell], 1e-6)


@pytest.mark.parametrize("sweep", ["additive", "redblack"])
@pytest.mark.parametrize("boundary", ["wall", OPEN])
def test_iterations_are_the_solvers(sweep, boundary):
    solver, skeleton, _ = solved(boundary, sweep=sweep)
    _, rhs = problems.frame("film", SHAPE, seed=10000)
    near = skeleton.sweep() if sweep == "redblack" else (lambda r: r)
    b = torch.from_numpy(solver.system.bricks.to_bricks(rhs - (rhs.mean() if boundary == "wall" else 0.0)))
    count = congruence.iterations(skeleton, skeleton.deflated(near), b.unflatten(0, (-1, LEAF)), 1e-8)
    assert math.ceil(count) == solver.info.iterations


@pytest.mark.parametrize("a", [0.5, 1.0])
def test_exact_tiles_are_their_formula(a):
    _, skeleton, A = solved()
    leaves = np.linalg.inv(block_diagonal(A))
    upper = torch.block_diag(*skeleton.factor).mT
    Phi = torch.linalg.solve_triangular(upper, torch.block_diag(*skeleton.basis), upper=True).numpy()
    own = Phi @ np.linalg.solve(Phi.T @ block_diagonal(A) @ Phi, Phi.T)
    M0 = leaves - own + Phi @ np.linalg.solve(Phi.T @ A @ Phi, Phi.T)
    I_E = np.eye(len(A)) - a * (leaves - own) @ (A - block_diagonal(A))
    product = skeleton.congruence(skeleton.exact_tiles(a), skeleton.additive)
    assert_close(in_cells(skeleton, product), I_E @ M0 @ I_E.T)


def test_no_tiles_leave_the_skeleton():
    _, skeleton, _ = solved()
    product = skeleton.congruence(skeleton.exact_tiles(0.0), skeleton.additive)
    assert_close(in_cells(skeleton, product), in_cells(skeleton, skeleton.additive))


def test_a_congruence_is_positive_whatever_its_tiles():
    _, skeleton, _ = solved("wall")
    generator = torch.Generator().manual_seed(0)
    tiles = torch.randn(skeleton.tiles.shape, dtype=torch.float64, generator=generator)
    for inner in (skeleton.additive, skeleton.sweep()):
        assert_positive(in_cells(skeleton, skeleton.congruence(0.1 * tiles, inner)))


def test_exact_tiles_have_the_rank_of_their_face():
    _, skeleton, _ = solved()
    tiles = skeleton.exact_tiles(0.5)
    ranks = torch.linalg.matrix_rank(tiles, rtol=1e-10).tolist()
    assert sorted(set(ranks)) == [8, 16]  # the faces of a leaf of 16 x 8 cells
    torch.testing.assert_close(congruence.truncated(tiles, 16), tiles)
    lost = (congruence.truncated(tiles, 4) - tiles).norm(dim=(1, 2))
    torch.testing.assert_close(lost, torch.linalg.svdvals(tiles)[:, 4:].norm(dim=1))


def test_weighted_sweep_is_a_product_of_weighted_steps():
    _, skeleton, A = solved()
    generator = np.random.default_rng(0)
    weight = generator.uniform(0.05, 1.95, skeleton.leaves)
    leaves, each, red = np.linalg.inv(block_diagonal(A)), np.repeat(weight, LEAF), np.repeat(skeleton.red.numpy(), LEAF)
    eye = np.eye(len(A))
    outer, middle = (eye - (each * on)[:, None] * leaves @ A for on in (red, 1.0 - red))
    B = in_cells(skeleton, skeleton.sweep(torch.from_numpy(weight)))
    assert_close(eye - B @ A, outer @ middle @ outer)
    assert_positive(B)


def test_schur_blocks_are_those_of_the_schur_complement():
    _, skeleton, A = solved()
    black = np.flatnonzero(np.repeat(skeleton.red.numpy(), LEAF) == 0)
    red = np.setdiff1d(np.arange(len(A)), black)
    eliminated = A[np.ix_(black, red)] @ np.linalg.solve(A[np.ix_(red, red)], A[np.ix_(red, black)])
    for banded, near in ((False, LEAF), (True, skeleton.halfwidth)):
        S = block_diagonal(A)
        leaf = black // LEAF
        keep = (leaf[:, None] == leaf) & (np.abs(black[:, None] - black) <= near)
        S[np.ix_(black, black)] -= np.where(keep, eliminated, 0.0)
        found = skeleton.to_cells(torch.block_diag(*skeleton.schur_blocks(banded=banded))).numpy()
        assert_close(found, np.linalg.inv(S))
        assert_positive(found)


def test_schur_blocks_have_the_smallest_kaporin_number_of_all_block_diagonals():
    _, skeleton, _ = solved()
    kaporin = near_oracles.Kaporin(skeleton, deflated=False)
    best = skeleton.schur_blocks(banded=False).requires_grad_()
    kaporin(skeleton.dense(skeleton.sweep(middle=best))).backward()
    slope = best.grad * (1.0 - skeleton.red)[:, None, None]
    scale = best.detach() @ slope  # a multiple of the identity: the objective does not see M's scale
    assert scale.abs().max() < 1e-10


@pytest.mark.parametrize("boundary", ["wall", OPEN])
def test_kaporin_number_is_that_of_the_eigenvalues(boundary):
    _, skeleton, _ = solved(boundary)
    A = skeleton.dense(skeleton.multiply).numpy()
    M = skeleton.dense(skeleton.sweep()).numpy()
    QA = skeleton.dense(skeleton.coarse).numpy() @ A
    size = np.linalg.eigvals(M @ (A - A @ QA)).real
    size = np.sort(size)[8 * skeleton.leaves :]  # the coarse space is taken out
    other = np.linalg.eigvals(0.5 * (A - A @ QA) + 0.5 * (A - A @ QA).T).real
    other = np.sort(other)[8 * skeleton.leaves :]
    found = near_oracles.Kaporin(skeleton, deflated=True)(torch.from_numpy(M)).item()
    assert found == pytest.approx(np.log(size.mean()) - np.log(size).mean() + np.log(other).mean(), abs=1e-9)


@pytest.mark.parametrize("deflated", [False, True])
def test_objective_of_tiles_is_the_kaporin_number_of_the_congruence(deflated):
    _, skeleton, _ = solved("wall")
    kaporin = near_oracles.Kaporin(skeleton, deflated=deflated)
    inner = skeleton.sweep() if deflated else skeleton.additive
    objective = near_oracles.TileObjective(kaporin, skeleton.dense(inner))

    def both(left, right):
        product = skeleton.congruence(left @ right.mT, inner)
        return objective(left, right).item(), kaporin(skeleton.dense(product)).item()

    left, right = congruence.factors(skeleton.exact_tiles(0.7), 5)
    (found, expected), (found_0, expected_0) = both(left, right), both(0.0 * left, right)
    assert abs(expected - expected_0) > 1e-4
    assert found - found_0 == pytest.approx(expected - expected_0, abs=1e-11)


def test_optimised_parameters_are_better_for_their_objective():
    _, skeleton, _ = solved("wall")
    kaporin = near_oracles.Kaporin(skeleton, deflated=True)
    weights, history = near_oracles.optimised_weights(kaporin, 5, 0.05)
    assert kaporin(skeleton.dense(skeleton.sweep(weights))).item() == min(history) < history[0]
    objective = near_oracles.TileObjective(kaporin, skeleton.dense(skeleton.sweep()))
    tiles, history = near_oracles.optimised_tiles(objective, skeleton, 4, 0.0, 20, 1e-2)
    assert min(history) < history[0]
    assert torch.linalg.matrix_rank(tiles).max() == 4


def test_quick_run(tmp_path):
    assert near_field.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "near_field.json").read_text())
    for rows in found["sections"].values():
        floor = next(row for row in rows if row["variant"] == near_field.FLOOR)
        assert floor["dense work"] == floor["banded work"] == 1.0
        assert all(0 < count < 30 for row in rows for count in row["panel"])
    assert "optimised tiles of rank 4" in (tmp_path / "near_field.md").read_text()
