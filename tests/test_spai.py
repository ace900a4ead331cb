"""The learned sparse approximate inverse: the operator M, the network's kernels, the weight file, what it is worth."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import warp as wp
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors

from hpsolver import Solver, problems
from hpsolver.network import spai_training
from hpsolver.network.spai_training import Config, Network, graph_of, identity_loss
from hpsolver.preconditioners.spai import ARCHITECTURE, NeuralSPAI, load_weights, tensor_shapes
from hpsolver.preconditioners.weight_files import shipped

CASES = {
    "panel": {"shape": (32, 32)},
    "partial bricks, periodic": {"shape": (21, 19), "boundary": ("periodic", "wall")},
    "open and solid": {"shape": (32, 16), "boundary": ("wall", ("wall", "open")), "solid": True},
    "three axes": {"shape": (9, 6, 5), "boundary": ("wall", "periodic", ("open", "wall"))},
}


def solved(shape, boundary="wall", solid=False, precision="float64", weights=None) -> Solver:
    """A solver after one panel frame."""
    solver = Solver(shape, boundary=boundary, precision=precision, preconditioner=NeuralSPAI(weights))
    if solid:
        mask = np.zeros(shape, bool)
        mask[5:9, 4:12] = mask[20:, :3] = True
        solver.set_solid(mask)
    solver.step(*problems.frame("panel", shape, seed=7))
    return solver


def from_faces(diagonal: np.ndarray, others: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Dense [N, N] from a diagonal [N] and entries [directions, N] at the columns ``across`` [directions, N]."""
    matrix = np.diag(diagonal).astype(np.float64)
    for entries, columns in zip(others, across, strict=True):
        np.add.at(matrix, (np.arange(diagonal.size), columns), entries)
    return matrix


def dense_operators(solver: Solver) -> tuple[np.ndarray, np.ndarray]:
    """(A, M) in brick order, M from the factor the network gave."""
    system, preconditioner = solver.system, solver.preconditioner
    N, across = system.size, system.across()
    A = from_faces(system.diagonal.numpy(), -system.conductance.numpy().reshape(-1, N), across)
    factor = preconditioner.factor.numpy().reshape(-1, N)
    F = from_faces(preconditioner.factor_diagonal.numpy(), -factor, across)
    epsilon = load_weights(shipped(f"spai_{system.grid.dimension}d.safetensors"), system.grid.dimension).epsilon
    return A, F @ F.T + epsilon * np.diag(1.0 / np.diag(A))


def applied(solver: Solver, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M r [N], r.M r) for each row of ``vectors``."""
    system, T = solver.system, solver.system.krylov_type
    z, rz = system.zeros(system.size, T), system.zeros(system.slots, wp.float64)
    results, products = [], []
    for vector in vectors:
        solver.preconditioner.apply(wp.array(vector, dtype=T), z, rz)
        results.append(z.numpy().astype(np.float64))
        products.append(rz.numpy().sum())
    return np.array(results), np.array(products)


# --- the operator -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_apply_is_the_dense_factor_times_its_transpose(case):
    solver = solved(**CASES[case])
    A, M = dense_operators(solver)
    r = np.random.default_rng(0).standard_normal((3, len(A)))
    z, rz = applied(solver, r)
    np.testing.assert_allclose(z, r @ M, rtol=0, atol=1e-12 * abs(z).max())
    np.testing.assert_allclose(rz, (r * z).sum(1), rtol=1e-12)
    assert np.linalg.eigvalsh(M)[0] > 0


@pytest.mark.parametrize("case", CASES)
def test_cells_without_faces_get_the_identity(case):
    solver = solved(**CASES[case])
    _, M = dense_operators(solver)
    alone = np.flatnonzero(solver.system.fluid.numpy() == 0)
    np.testing.assert_allclose(M[alone], np.eye(len(M))[alone], atol=1e-15)


def test_operator_is_symmetric_and_positive_whatever_the_network_says(tmp_path):
    torch.manual_seed(1)
    network = Network(2)
    with torch.no_grad():
        for value in network.parameters():
            value.normal_(0.0, 1.0)
    path = tmp_path / "wild.safetensors"
    spai_training.save(network, Config(layers=2), path)
    for precision, tolerance in (("float64", 1e-12), ("mixed", 1e-12), ("float32", 1e-5)):
        solver = solved((32, 32), precision=precision, weights=path)
        u, v = np.random.default_rng(0).standard_normal((2, 4, solver.system.size))
        (Mu, uMu), (Mv, vMv) = applied(solver, u), applied(solver, v)
        np.testing.assert_allclose((v * Mu).sum(1), (u * Mv).sum(1), rtol=0, atol=tolerance * uMu.max())
        assert (uMu > 0).all() and (vMv > 0).all()


# --- the network ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_kernels_equal_the_network_in_torch(case):
    solver = solved(**CASES[case])
    system, preconditioner = solver.system, solver.preconditioner
    weights = load_tensors(shipped(f"spai_{system.grid.dimension}d.safetensors"))
    network = Network(4)
    network.load_state_dict(weights)
    with torch.no_grad():
        diagonal, others = (g.double().numpy() for g in network(graph_of(system)))
    scale = np.sqrt(system.diagonal.numpy())
    linked = system.conductance.numpy().reshape(-1, system.size).any(axis=0)
    factor = -preconditioner.factor.numpy().reshape(-1, system.size) * scale
    np.testing.assert_allclose(factor, others, rtol=0, atol=2e-6)
    np.testing.assert_allclose((preconditioner.factor_diagonal.numpy() * scale)[linked], diagonal[linked], atol=2e-6)


def test_loss_is_the_distance_of_the_scaled_product_from_the_identity():
    solver = solved((16, 8))
    A, M = dense_operators(solver)
    epsilon = load_weights(shipped("spai_2d.safetensors"), 2).epsilon
    network = Network(4)
    network.load_state_dict(load_tensors(shipped("spai_2d.safetensors")))
    graph = graph_of(solver.system)
    N = len(A)
    with torch.no_grad():
        loss = identity_loss(graph, network(graph), epsilon, torch.eye(N)).item()
    root = np.sqrt(np.diag(A))
    scaled = (A / root / root[:, None]) @ (M * root * root[:, None])
    np.testing.assert_allclose(loss, ((scaled - np.eye(N)) ** 2).sum() / N, rtol=1e-4)


def test_training_lowers_the_loss_and_writes_what_the_solver_reads(tmp_path):
    config = Config(steps=60, batch=2, shapes=((16, 16),), layers=1)
    network, _ = spai_training.train(config, tmp_path / "log.csv")
    rows = np.loadtxt(tmp_path / "log.csv", delimiter=",", skiprows=1)
    assert rows[-10:, 1].mean() < 0.95 * rows[:10, 1].mean()
    path = tmp_path / "w.safetensors"
    spai_training.save(network, config, path)
    assert load_weights(path, 2).layers == 1
    assert solved((32, 32), weights=path).info.converged


# --- the weight file --------------------------------------------------------------------------------------------------


def metadata(**changes) -> dict[str, str]:
    config = {"dimension": 2, "channels": 16, "layers": 1, "epsilon": 3e-3} | changes
    return {"architecture": ARCHITECTURE, "config": json.dumps(config)}


def tensors() -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, np.float32) for name, shape in tensor_shapes(1).items()}


def without(name: str) -> dict[str, np.ndarray]:
    return {key: value for key, value in tensors().items() if key != name}


WRONG_FILES = {
    "no metadata": (tensors(), None, "architecture"),
    "another architecture": (tensors(), metadata() | {"architecture": "other/1"}, "'other/1'"),
    "no config": (tensors(), {"architecture": ARCHITECTURE}, "config"),
    "bad config": (tensors(), metadata() | {"config": "{"}, "config"),
    "other dimension": (tensors(), metadata(dimension=3), "2D grids, got weights for 3D"),
    "other channels": (tensors(), metadata(channels=32), "16 channels"),
    "epsilon": (tensors(), metadata(epsilon=0.0), "epsilon"),
    "more layers": (tensors(), metadata(layers=2), "missing .*layer1_across"),
    "missing tensor": (without("head_edge"), metadata(), "missing .*head_edge"),
    "other shape": (tensors() | {"encoder_bias": np.zeros(8, np.float32)}, metadata(), "encoder_bias"),
    "other type": (tensors() | {"encoder_bias": np.zeros(16)}, metadata(), "encoder_bias"),
    "not finite": (tensors() | {"encoder_bias": np.full(16, np.nan, np.float32)}, metadata(), "NaN"),
}


@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_file_is_named_with_what_was_expected(case, tmp_path):
    values, words, message = WRONG_FILES[case]
    path = tmp_path / "weights.safetensors"
    save_file(values, path, metadata=words)
    with pytest.raises(ValueError, match=f"(?s)weights.safetensors: expected.*{message}"):
        Solver((8, 8), preconditioner=NeuralSPAI(path))


@pytest.mark.parametrize("keep", [0, 5, 100, 9000])
def test_a_truncated_file_is_named(keep, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(shipped("spai_2d.safetensors").read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"weights\.safetensors: expected a safetensors file"):
        load_weights(path, 2)
    with pytest.raises(FileNotFoundError):
        load_weights(tmp_path / "none.safetensors", 2)


@pytest.mark.parametrize("dimension", [2, 3])
def test_shipped_weights_load_and_say_how_they_were_made(dimension):
    path = shipped(f"spai_{dimension}d.safetensors")
    weights = load_weights(path, dimension)
    assert weights.values.size == sum(value.size for value in load_file(path).values())
    assert path.with_suffix(".md").exists()


# --- in the solver ----------------------------------------------------------------------------------------------------


def test_replayed_graph_follows_the_density():
    shape = (32, 32)
    frames = [problems.frame(family, shape, seed=s) for s, family in enumerate(("panel", "bubbles", "panel"))]
    solver = Solver(shape, preconditioner=NeuralSPAI())
    for frame in frames:
        fresh = Solver(shape, preconditioner=NeuralSPAI())
        assert np.array_equal(solver.step(*frame), fresh.step(*frame))
        assert solver.info.iterations == fresh.info.iterations


@pytest.mark.parametrize(("shape", "limit"), [((64, 64), 0.52), ((16, 16, 16), 0.52)])
def test_iterations_against_jacobi(shape, limit):
    """On unseen frames. Untrained (G = I + |a| / 2), M takes 0.47 of Jacobi's iterations in 2D: see the model card."""
    solvers = [Solver(shape, preconditioner=p, tolerance=1e-8) for p in ("jacobi", NeuralSPAI())]
    counts = np.zeros(2)
    for seed in (10000, 10001):
        frame = problems.frame("panel", shape, seed=seed)
        for k, solver in enumerate(solvers):
            solver.step(*frame)
            assert solver.info.converged and not solver.info.fallback
            counts[k] += solver.info.iterations
    assert counts[1] <= limit * counts[0], counts


def test_using_it_does_not_import_torch():
    code = (
        "import sys; from hpsolver import Solver, problems; from hpsolver.preconditioners.spai import NeuralSPAI; "
        "s = Solver((32, 32), preconditioner=NeuralSPAI(), device='cpu'); s.step(*problems.frame('panel', (32, 32), "
        "seed=0)); assert s.info.converged and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
