"""Choices of coarse functions (the benchmark's references) against dense algebra and the library's own."""

import json

import numpy as np
import oracle as reference
import pytest
import torch
from scipy.linalg import eigh

from bench import oracle, selections
from bench.congruence import Skeleton
from hpsolver import Solver, problems
from hpsolver.network.oracle import gains
from hpsolver.network.poisson import Lattice, assembled_operator
from hpsolver.preconditioners import Schwarz
from hpsolver.preconditioners.haar import haar

SHAPE, LEAF = (32, 16), 128


@pytest.fixture(scope="module")
def frame() -> tuple[Solver, Skeleton, np.ndarray]:
    """(solver of one frame, its skeleton, its A in brick order)."""
    solver = Solver(SHAPE, preconditioner=Schwarz(8), precision="float64", device="cpu")
    density, rhs = problems.frame("film", SHAPE, seed=10000)
    solver.step(density, rhs)
    cell = solver.system.bricks.cell
    return solver, Skeleton.of_solver(solver, 8), reference.assemble(density).toarray()[cell][:, cell]


def candidates(frame, count: int) -> torch.Tensor:
    solver, skeleton, _ = frame
    return selections.candidates(skeleton, haar(solver.system.bricks.extent, count - 1))


def span(basis: torch.Tensor) -> torch.Tensor:
    """Projectors [K, L, L]."""
    return basis @ basis.mT


def test_candidates_are_the_skeletons_basis(frame):
    torch.testing.assert_close(span(candidates(frame, 8)), span(frame[1].basis), atol=1e-5, rtol=0)


@pytest.mark.parametrize("extent, equal", [((1, 16, 8), [1, 7]), ((8, 4, 4), [1])])
def test_strips_are_other_functions_only_where_axes_are_equally_long(extent, equal):
    for functions in (1, 3, 7):
        both = [np.linalg.qr(start(extent, functions).T)[0] for start in (haar, selections.strips)]
        same = np.allclose(both[0] @ both[0].T, both[1] @ both[1].T, atol=1e-6)
        assert same == (functions in equal)


def test_best_of_some_has_the_librarys_gains(frame):
    solver, skeleton, _ = frame
    operator = assembled_operator(Lattice(solver.system), solver.system)
    expected, _ = gains(operator, torch.from_numpy(haar(solver.system.bricks.extent, 15))).best()
    found = selections.by_gain(skeleton, candidates(frame, 16)).worth
    torch.testing.assert_close(found, expected[0], rtol=1e-3, atol=0)


def test_choice_by_neighbours_is_the_librarys(frame):
    _, skeleton, _ = frame
    density, rhs = problems.frame("film", SHAPE, seed=10000)
    chosen = Solver(SHAPE, preconditioner=Schwarz(4, candidates=16), precision="float64", device="cpu")
    chosen.step(density, rhs)
    worth = chosen.preconditioner._choice.worth.numpy().reshape(-1, 16)[:, 1:]
    found = selections.by_neighbors(skeleton, candidates(frame, 16)).worth
    np.testing.assert_allclose(found.numpy(), worth, rtol=1e-3)


def test_best_of_all_has_the_gains_of_the_dense_inverse(frame):
    solver, skeleton, A = frame
    cell = solver.system.bricks.cell
    found = selections.by_gain_of_all(skeleton, solver.matrix()[cell][:, cell])
    own = np.linalg.pinv(A)[:LEAF, :LEAF]
    local = np.linalg.cholesky(A[:LEAF, :LEAF])
    functions = found.functions[0].numpy()
    gain = functions.T @ local.T @ own @ local @ functions
    np.testing.assert_allclose(gain, np.diag(found.worth[0].numpy()), atol=1e-6 * found.worth.max().item())
    assert found.worth.min() > 1.0 - 1e-9
    assert (np.diff(found.worth.numpy()) <= 0).all()


def test_a_ring_that_is_the_whole_grid_is_the_oracle(frame):
    _, skeleton, _ = frame  # 2 x 2 leaves
    basis = candidates(frame, 16)
    coordinates = frame[0].system.bricks.coordinates
    found = selections.by_gain_of_ring(skeleton, basis, coordinates)
    torch.testing.assert_close(found.worth, selections.by_gain(skeleton, basis).worth, rtol=1e-3, atol=0)


def test_a_ring_knows_nothing_of_the_leaves_outside(frame):
    _, skeleton, A = frame
    basis = candidates(frame, 16)
    found = selections.by_gain_of_ring(skeleton, basis, 5 * frame[0].system.bricks.coordinates)
    own = A[:LEAF, :LEAF] + np.diag(A[:LEAF, LEAF:].sum(axis=1))  # closed
    z = selections.in_cells(skeleton, basis[:1])[0, :, 1:].numpy()
    expected = np.linalg.eigvalsh(np.linalg.inv(z.T @ own @ z + selections.RING_SHIFT * np.eye(15)))
    np.testing.assert_allclose(found.worth[0], expected[::-1], rtol=1e-3)


def test_spectral_functions_solve_the_closed_leafs_eigenproblem(frame):
    _, skeleton, A = frame
    own = A[:LEAF, :LEAF]
    closed = own + np.diag(A[:LEAF, LEAF:].sum(axis=1) + selections.SPECTRAL_SHIFT * own.diagonal())
    basis = candidates(frame, 16)
    z = selections.in_cells(skeleton, basis[:1])[0, :, 1:].numpy()
    expected = eigh(z.T @ closed @ z, z.T @ own @ z, eigvals_only=True)
    found = selections.by_spectrum(skeleton, basis)
    np.testing.assert_allclose(1.0 / found.worth[0].numpy(), expected, rtol=1e-6)


def test_one_threshold_gives_equal_ranks_where_leaves_are_alike_and_else_keeps_the_most_worth(frame):
    _, skeleton, _ = frame
    ranking = selections.by_gain(skeleton, candidates(frame, 16))
    alike = selections.Ranking(ranking.worth[:1].expand(4, -1), ranking.functions, ranking.constant)
    ranks = alike.ranks(4, 16)
    assert ranks.tolist() == [4, 4, 4, 4]
    torch.testing.assert_close(alike.basis(ranks), alike.basis(4), rtol=0, atol=0)
    ranks = ranking.ranks(4, 6)
    assert ranks.sum() == 16 and 1 <= ranks.min() < ranks.max() <= 6
    kept = torch.arange(15) < ranks[:, None] - 1
    assert ranking.worth[kept].min() >= ranking.worth[:, :5][~kept[:, :5]].max()


def test_columns_of_zeros_are_functions_that_are_not_there(frame):
    _, skeleton, A = frame
    ranking = selections.by_gain(skeleton, candidates(frame, 16))
    ranks = torch.tensor([1, 5, 2, 8])
    padded = skeleton.with_basis(ranking.basis(ranks))
    upper = torch.block_diag(*skeleton.factor).mT
    kept = torch.block_diag(*(b[:, :r] for b, r in zip(ranking.basis(8), ranks, strict=True)))
    Phi = torch.linalg.solve_triangular(upper, kept, upper=True).numpy()
    assert Phi.shape[1] == 16
    own = np.where(np.equal.outer(*[np.arange(len(A)) // LEAF] * 2), A, 0.0)
    M = np.linalg.inv(own) - Phi @ np.linalg.solve(Phi.T @ own @ Phi, Phi.T)
    null = Phi.T @ own @ np.ones(len(A))
    shift = np.outer(null, null) / (np.ones(len(A)) @ own @ np.ones(len(A)))
    M += Phi @ np.linalg.solve(Phi.T @ A @ Phi + shift, Phi.T)
    found = padded.to_cells(padded.dense(padded.additive)).numpy()
    np.testing.assert_allclose(found, M, atol=1e-8 * np.abs(M).max())
    uniform = skeleton.with_basis(torch.cat([ranking.basis(4), torch.zeros(4, LEAF, 3)], dim=-1))
    expected = skeleton.with_basis(ranking.basis(4))
    for one, other in ((uniform.additive, expected.additive), (uniform.coarse, expected.coarse)):
        torch.testing.assert_close(skeleton.dense(one), skeleton.dense(other))


def test_quick_run(tmp_path):
    assert oracle.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "oracle.json").read_text())
    names = {row["choice"] for row in found["rows"]}
    assert {"classical", "strips", "chosen of 16", "GenEO", "best of 32", "best of all", "ring"} < names
    assert all(0 < count < 60 for row in found["rows"] for count in row["additive"])
    text = (tmp_path / "oracle.md").read_text()
    assert "The choice" in text and "Iterations, 8 functions a leaf" in text
