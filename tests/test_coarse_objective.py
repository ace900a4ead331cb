"""What the learned coarse space is trained for, and the best one there is, against dense algebra."""

import numpy as np
import pytest
import torch
from tiny_network import TINY, network, start_functions

from hpsolver import Solver, problems
from hpsolver.network.basis_task import BasisTask
from hpsolver.network.coupling import coarse_basis, coupling_matrix, determinant_objective, leaf_matrices
from hpsolver.network.frames import FrameConfig, FrameSource
from hpsolver.network.oracle import gains, optimal_functions, optimal_start
from hpsolver.preconditioners import Schwarz
from hpsolver.preconditioners.haar import haar


def dense(operator) -> np.ndarray:
    """A / s of the first frame, in brick order."""
    size = operator.diagonal[0].numel()
    return operator.multiply(torch.eye(size)[None])[0].double().numpy()


def block_diagonal(blocks: np.ndarray) -> np.ndarray:
    K, rows, columns = blocks.shape
    result = np.zeros((K, rows, K, columns))
    result[np.arange(K), :, np.arange(K), :] = blocks
    return result.reshape(K * rows, K * columns)


@pytest.mark.parametrize("boundary", ["wall", "open"])
@pytest.mark.parametrize("functions", [4, 8])
def test_objective_is_the_kaporin_number_of_the_additive_preconditioner(boundary, functions):
    """log det of M A from dense matrices moves by exactly what the objective says, and its trace does not move."""
    config = FrameConfig(shapes=((32, 16),), families=("noise",), contrast=(50.0, 60.0), boundaries=(boundary,))
    operator = FrameSource(config).batch(5, 1)
    A, K, L = dense(operator), operator.lattice.leaves, operator.lattice.leaf_size
    A_ii = np.stack([A[k * L : (k + 1) * L, k * L : (k + 1) * L] for k in range(K)])
    null = np.ones(K * L) / np.sqrt(K * L)
    figures = []
    for head in (0.0, 0.5):
        start = start_functions(network(head), operator)[:, :, : functions - 1]
        basis = coarse_basis(operator, start)
        objective = determinant_objective(coupling_matrix(operator, basis), functions).item()
        phi = np.linalg.qr(basis[0].numpy())[0]
        Phi = block_diagonal(phi)
        E, own = Phi.T @ A @ Phi, block_diagonal(np.linalg.inv(np.einsum("kla,klm,kmb->kab", phi, A_ii, phi)))
        inverse = np.linalg.pinv(E, rcond=1e-6, hermitian=True)
        M = block_diagonal(np.linalg.inv(A_ii)) + Phi @ (inverse - own) @ Phi.T
        eigenvalues = np.linalg.eigvals(M @ A).real
        singular = boundary == "wall"
        kept = np.sort(eigenvalues)[1:] if singular else eigenvalues
        assert (kept > 0).all()
        trace = kept.sum() + (1.0 if singular else 0.0)
        assert np.isclose(trace, K * L, rtol=1e-5)
        figures.append((objective, np.log(kept).sum() / K))
        assert np.allclose(A @ null, 0, atol=1e-6) == singular
    (J0, det0), (J1, det1) = figures
    assert abs(J1 - J0) > 1e-3
    assert np.isclose(det1 - det0, J0 - J1, atol=2e-3)


def test_leading_functions_are_a_basis_of_their_own():
    operator = FrameSource(FrameConfig(shapes=((32, 32),), families=("film",))).batch(2, 2)
    start = start_functions(network(0.3), operator)
    all_of_them = determinant_objective(coupling_matrix(operator, coarse_basis(operator, start)), 4)
    only_four = determinant_objective(coupling_matrix(operator, coarse_basis(operator, start[:, :, :3])), 4)
    assert torch.allclose(all_of_them, only_four, atol=1e-8)


def test_leaf_matrices_are_the_blocks_of_the_operator():
    operator = FrameSource(FrameConfig(shapes=((20, 30),), boundaries=("open", "periodic"), solid=1.0)).batch(1, 1)
    A, L = dense(operator), operator.lattice.leaf_size
    own, closed = (leaf_matrices(operator, closed=c)[0].numpy() for c in (False, True))
    for k in range(operator.lattice.leaves):
        block = A[k * L : (k + 1) * L, k * L : (k + 1) * L]
        assert np.allclose(own[k], block, atol=1e-7)
        rows = A[k * L : (k + 1) * L].sum(axis=1)  # conductance out of the domain, without that to other leaves
        expected = 1e-3 * np.diag(block) + rows
        assert np.allclose(closed[k].sum(axis=1), expected, atol=1e-6)


@pytest.mark.parametrize("objective", ["determinant", "gain", "cosine"])
def test_training_lowers_the_objective_of_one_frame(objective):
    task = BasisTask(network=TINY, sizes=(4,), objective=objective)
    operator = FrameSource(FrameConfig(shapes=((32, 32),), families=("noise",), contrast=(1e3, 1e3))).batch(0, 1)
    torch.manual_seed(0)
    made = task.make_network()
    optimizer = torch.optim.Adam(made.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        loss = task.loss(task.predict(made, operator), operator, torch.Generator())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.01


class BestBasis(Schwarz):
    """Predicts as ``HTP`` does, but the best start functions, found by inverting the coarse matrix."""

    graph_safe = False

    def start_functions(self, candidates: int) -> np.ndarray:
        return np.tile(super().start_functions(candidates), self.system.leaves)

    def predict(self) -> None:
        self._space.start.assign(optimal_functions(self.system, self.coarse_size - 1))
        self._leaves.forget()


@pytest.mark.parametrize("family", ["bubbles", "film", "noise"])
def test_optimal_basis_needs_fewer_iterations_than_the_classical_one(family):
    counts = []
    for form in (Schwarz, BestBasis):
        preconditioner = form(4, candidates=4, leaf_size=128, sweep="additive")
        solver = Solver((64, 64), preconditioner=preconditioner, tolerance=1e-8)
        solver.step(*problems.frame(family, (64, 64), seed=10000))
        assert solver.info.converged
        counts.append(solver.info.iterations)
    assert counts[1] <= 0.8 * counts[0], counts


def test_optimal_functions_are_worth_more_than_as_many_classical_ones():
    operator = FrameSource(FrameConfig(shapes=((32, 16),), families=("noise",))).batch(4, 1)
    candidates = torch.from_numpy(haar(operator.lattice.bricks.extent, 15))
    values, _ = gains(operator, candidates).best()
    assert (values >= 1.0 - 1e-6).all()  # a gain of 1 is that of a leaf without couplings to others
    assert (values[..., :-1] >= values[..., 1:]).all()
    starts = {"classical": candidates[None, None], "optimal": optimal_start(operator, candidates, 3)}
    couplings = {name: coupling_matrix(operator, coarse_basis(operator, s)) for name, s in starts.items()}
    floor = determinant_objective(couplings["classical"], 16)
    classical, optimal = (determinant_objective(couplings[name], 4) for name in ("classical", "optimal"))
    assert floor < optimal - 1e-3 < classical - 1e-2


def test_uncaptured_gain_is_the_trace_of_the_inverse_schur_complement():
    """Against dense algebra: of 16 candidates a leaf, keep the constant and three mixtures, complete them to a basis,
    eliminate them, invert, take the trace."""
    config = FrameConfig(shapes=((32, 16),), families=("film",), boundaries=("open",))
    operator = FrameSource(config).batch(3, 1)
    candidates = torch.from_numpy(haar(operator.lattice.bricks.extent, 15))
    A, K, L = dense(operator), operator.lattice.leaves, operator.lattice.leaf_size
    mixture = torch.randn(1, K, 3, 15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left = gains(operator, candidates).uncaptured(mixture)[0, :, -1].sum().item()

    kept = coarse_basis(operator, mixture @ candidates.double())[0].numpy()
    everything = coarse_basis(operator, candidates.expand(1, K, -1, -1))[0].numpy()
    white = np.empty((K, L, 16))
    for k in range(K):
        own = A[k * L : (k + 1) * L, k * L : (k + 1) * L]
        functions = np.concatenate([kept[k], everything[k][:, 1:13]], axis=1)  # 4 + 12 mixtures of the same 16
        white[k] = functions @ np.linalg.inv(np.linalg.cholesky(functions.T @ own @ functions)).T
    W = block_diagonal(white)
    coarse = W.T @ A @ W
    first = (np.arange(16 * K) % 16) < 4
    coupling = coarse[~first][:, first]
    schur = coarse[~first][:, ~first] - coupling @ np.linalg.solve(coarse[first][:, first], coupling.T)
    assert np.isclose(np.trace(np.linalg.inv(schur)), left + 12 * K, rtol=5e-4)
