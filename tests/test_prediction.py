"""The network as kernels: Torch's forward pass is the oracle, for the shipped weights and for any others."""

import dataclasses

import numpy as np
import pytest
import torch
import warp as wp
from hpsolver.kernels import basis
from hpsolver.kernels.building import launch
from tiny_network import TINY, network

from hpsolver import Solver, problems
from hpsolver.network import weights
from hpsolver.network.basis import BasisConfig, BasisNetwork
from hpsolver.network.patches import PatchLattice
from hpsolver.network.poisson import Lattice, assembled_operator
from hpsolver.preconditioners import Schwarz, prediction, weight_files
from hpsolver.preconditioners.basis_weights import ARCHITECTURE, BasisWeights
from hpsolver.preconditioners.haar import haar
from hpsolver.preconditioners.htp import HTP

pytestmark = pytest.mark.cpu

SHIPPED = {d: weight_files.shipped(f"htp_{d}d.safetensors") for d in (2, 3)}


def torch_coefficients(made: BasisNetwork, solver: Solver) -> np.ndarray:
    """[leaves, functions, 31], less the identity."""
    lattice = Lattice(solver.system)
    with torch.no_grad():
        found = made(assembled_operator(lattice, solver.system), PatchLattice(lattice))[0].numpy()
    return found - np.eye(*found.shape[1:])


def kernels_coefficients(solver: Solver, functions: int) -> np.ndarray:
    found = solver.preconditioner.prediction.coefficients.numpy().reshape(solver.system.leaves, -1)
    return found[:, : functions * 31].reshape(-1, functions, 31)


@pytest.mark.parametrize("family", ["panel", "bubbles", "noise"])
@pytest.mark.parametrize(
    ("shape", "boundary", "solid"),
    [
        ((64, 48), "wall", False),
        ((33, 50), (("open", "wall"), "periodic"), True),
        ((32, 16), "periodic", False),  # one leaf across: its own neighbour
        ((16, 12, 20), "wall", True),
        ((9, 10, 11), ("periodic", ("wall", "open"), "wall"), True),
    ],
)
def test_coefficients_are_those_of_torch(shape, boundary, solid, family):
    made = weights.load(SHIPPED[len(shape)], ARCHITECTURE, BasisNetwork, BasisConfig)
    solver = Solver(shape, boundary=boundary, preconditioner="htp")
    if solid:
        solver.set_solid(np.random.default_rng(0).random(shape) < 0.2)
    density, rhs = problems.frame(family, shape, seed=1, contrast=1000.0)
    solver.step(1e-9 * density, rhs)
    expected = torch_coefficients(made, solver)
    assert np.allclose(kernels_coefficients(solver, 15), expected, rtol=0.0, atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        BasisConfig(width=48, layers=3, heads=2, functions=7),
        BasisConfig(dimension=3, width=32, heads=4),
    ],
    ids=str,
)
def test_networks_of_any_size_are_those_of_torch(config):
    """With edge networks that are not zero."""
    made = network(0.3, config)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    made = made.half().float()
    shape = (40, 24) if config.dimension == 2 else (9, 10, 11)
    functions = min(config.functions, 15)
    options = {"coarse_size": 8 if functions == 15 else 4}
    solver = Solver(shape, preconditioner=HTP.of_network(made, **options))
    solver.step(*problems.frame("noise", shape, seed=2))
    expected = torch_coefficients(made, solver)
    assert np.allclose(kernels_coefficients(solver, functions), expected, rtol=0.0, atol=1e-5 * abs(expected).max())


def test_weights_in_half_precision_as_on_a_gpu_say_the_same(monkeypatch):
    frame = problems.frame("noise", (40, 24), seed=2)
    found = []
    for storage in (wp.float32, wp.float16):
        monkeypatch.setitem(prediction.STORAGE, False, storage)
        solver = Solver((40, 24), preconditioner="htp")
        solver.step(*frame)
        assert solver.preconditioner.prediction._trunk.dtype is storage
        found.append(kernels_coefficients(solver, 15))
    assert np.array_equal(*found)


def test_start_functions_are_combined_unless_a_coefficient_is_beyond_belief():
    """A leaf with NaN, infinity or a large number gets the classical functions; others get what is predicted."""
    solver = Solver((64, 32), preconditioner=HTP(4))
    solver.step(*problems.frame("bubbles", (64, 32), seed=0))
    predicted, leaves, size = solver.preconditioner.prediction, solver.system.leaves, basis.Size(64, 4, 1, 7)
    values = np.random.default_rng(0).standard_normal((leaves, size.outputs)).astype(np.float32)
    values[2, 5], values[3, 216], values[5, 0], values[6, 40] = np.nan, np.inf, 1e4, -1.1e4
    predicted.coefficients.assign(values.ravel())
    predicted.count.fill_(leaves - 1)
    due = np.roll(np.arange(leaves, dtype=np.int32), 3)
    predicted._due.assign(due)
    before = predicted._start.numpy().reshape(leaves, 7, -1).copy()
    inputs = [predicted.count, predicted._due, wp.float32(1e4), predicted._candidates, predicted.coefficients]
    launch(predicted._kernels.functions, leaves, [*inputs, predicted._start], solver.device)
    candidates = haar(solver.system.bricks.extent, 31)
    found = predicted._start.numpy().reshape(leaves, 7, -1)
    for k, leaf in enumerate(due):
        if k == leaves - 1:
            assert np.array_equal(found[leaf], before[leaf])  # this leaf was not due
        elif k in (2, 3, 5, 6):
            assert np.array_equal(found[leaf], candidates[:7])
        else:
            expected = (values[k, : 7 * 31].reshape(7, 31) + np.eye(7, 31)) @ candidates
            assert np.allclose(found[leaf], expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(48, 40), (12, 16, 10)])
def test_a_fluid_that_moves_takes_fewer_iterations_than_the_classical_space(shape):
    """Every frame has a ball that moves and a pond of air; the network was trained on neither."""
    taken = {}
    for made in (HTP(), Schwarz(8, candidates=16)):
        solver = Solver(shape, preconditioner=made, tolerance=1e-8)
        taken[made.name] = 0
        for k in range(4):
            density, rhs = problems.frame("noise", shape, seed=k, contrast=1000.0)
            place = np.indices(shape)
            ball = sum((x - n / 2 - k) ** 2 for x, n in zip(place, shape, strict=True)) < 9
            solver.step(density, rhs, solid=ball, air=place[-1] > 0.8 * shape[-1])
            assert solver.info.converged and not solver.info.fallback
            taken[made.name] += solver.info.iterations
    assert taken["htp"] <= taken["schwarz"]


def test_weights_are_read_without_torch_and_refused_with_a_reason(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weight file"):
        BasisWeights.load(tmp_path / "none.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="cannot be read"):
        BasisWeights.load(damaged)
    with pytest.raises(ValueError, match=r"expected architecture 'hpsolver\.htp/2'"):
        BasisWeights.load(weight_files.shipped("spai_2d.safetensors"))
    other = network(0.3)
    other.head.bias.data[3] = torch.nan
    path = tmp_path / "nan.safetensors"
    weights.save(path, other, ARCHITECTURE, other.config, {})
    with pytest.raises(ValueError, match=r"'head.bias' holds NaN or Inf"):
        BasisWeights.load(path)
    weights.save(path, network(), ARCHITECTURE, dataclasses.replace(TINY, functions=3), {})
    with pytest.raises(ValueError, match=r"2 tensors are not .* 'head.bias': expected shape \(93,\), got \(465,\)"):
        BasisWeights.load(path)
    narrow, shallow = (dataclasses.replace(TINY, **change) for change in ({"width": 24, "heads": 3}, {"layers": 0}))
    with pytest.raises(ValueError, match="multiple of 16 and of 8 for each head, got 24 and 3 heads"):
        HTP.of_network(network(config=narrow))
    with pytest.raises(ValueError, match="at least one layer, got 0"):
        HTP.of_network(network(config=shallow))
