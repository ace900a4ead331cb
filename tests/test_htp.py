"""The learned coarse space: a solver that no network can break."""

import dataclasses

import numpy as np
import pytest
import torch
import warp as wp
from hpsolver.kernels.basis import TOKENS
from tiny_network import TINY, network, start_functions

from hpsolver import Solver, Status, problems
from hpsolver.network.basis_task import patch_lattice
from hpsolver.network.coupling import (
    additive_product,
    coarse_basis,
)
from hpsolver.network.frames import FrameConfig, FrameSource
from hpsolver.network.poisson import Lattice, assembled_operator
from hpsolver.preconditioners import Schwarz, coarse_space
from hpsolver.preconditioners.boxes import patch_boxes
from hpsolver.preconditioners.haar import haar, sub_bricks
from hpsolver.preconditioners.htp import HTP

VARIANTS = [
    {"sweep": "additive"},
    {"sweep": "deflated"},
    {"sweep": "redblack"},
]


@pytest.mark.parametrize("extent", [(1, 16, 8), (8, 4, 4)])
def test_haar_functions_span_the_indicators_of_the_sub_bricks(extent):
    for R in (2, 4, 8):
        functions = np.vstack([np.ones(128), haar(extent, R - 1)])
        indicators = np.eye(R)[:, sub_bricks(extent, R)]
        assert np.linalg.matrix_rank(np.vstack([functions, indicators])) == np.linalg.matrix_rank(functions) == R
    cells, counts = patch_boxes(extent)
    assert sorted(cells.ravel()) == list(range(128))
    assert np.prod(counts) == TOKENS


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v["sweep"])
def test_network_of_zeros_is_the_classical_basis(variant, size, monkeypatch):
    """Of four of eight functions only the classical ones give way to functions on loose cells, so here none do."""
    if size == 4:
        monkeypatch.setattr(coarse_space, "loose_functions", lambda *options: 0)
    density, rhs = problems.frame("film", (48, 40), seed=3)
    solvers = [
        Solver((48, 40), preconditioner=p, precision="float64", tolerance=1e-9)
        for p in (
            Schwarz(size, candidates=2 * size, **variant),
            HTP.of_network(network(), coarse_size=size, **variant),
        )
    ]
    pressures = [solver.step(density, rhs) for solver in solvers]
    assert solvers[0].info.iterations == solvers[1].info.iterations
    assert np.allclose(*pressures, atol=1e-9 * abs(pressures[0]).max())


def broken(kind: str, **options) -> HTP:
    """An ``HTP`` whose weights make the coefficients of leaves what ``kind`` says."""
    made = network(1.0 if kind == "random" else 0.0)
    bias, matrix = made.head.bias.data, made.head.weight.data
    if kind == "huge":
        bias += 6e4  # the largest half-precision number is 65,504
    elif kind == "duplicates":
        row = torch.randn(bias.numel() // 15, matrix.shape[1], generator=torch.Generator().manual_seed(1))
        matrix += row.repeat(15, 1)
    elif kind == "sharp":  # attention to one token alone, and large numbers everywhere
        for parameter in made.trunk.parameters():
            parameter.data *= 1e4
        matrix += 1.0
    return HTP.of_network(made, **options)


@pytest.mark.parametrize("kind", ["zeros", "huge", "sharp", "duplicates", "random"])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v["sweep"])
def test_no_network_output_keeps_the_solver_from_converging(kind, variant):
    preconditioner = broken(kind, **variant)
    solver = Solver((32, 48), preconditioner=preconditioner, tolerance=1e-8)
    density, rhs = problems.frame("bubbles", (32, 48), seed=0)
    for _ in range(2):
        solver.step(density, rhs)
        assert solver.info.status is Status.CONVERGED
        assert not solver.info.fallback


def test_constants_are_in_the_coarse_space_whatever_the_network_adds():
    """Leaf by leaf the indicator of the fluid is a combination of the basis, also in partial leaves beside a solid."""
    solver = Solver((33, 20), preconditioner=HTP.of_network(network(1.0)), precision="float64")
    solid = np.zeros((33, 20), dtype=bool)
    solid[5:9, 4:9] = True
    solver.set_solid(solid)
    solver.step(*problems.frame("noise", (33, 20), seed=2))
    system = solver.system
    basis = solver.preconditioner._space.functions.numpy().reshape(system.leaves, 8, -1)
    for functions, fluid in zip(basis, system.fluid.numpy().reshape(system.leaves, -1), strict=True):
        indicator = fluid.astype(float)
        amounts = np.linalg.lstsq(functions.T, indicator, rcond=None)[0]
        assert np.allclose(functions.T @ amounts, indicator, atol=1e-10)


def test_a_prediction_counts_in_its_own_frame():
    """The pressure is that of a solver that saw no frame before, up to rounding: fewer leaves are predicted here, and
    products of fewer rows round otherwise."""
    frames = [problems.frame("bubbles", (48, 32), seed=s) for s in (0, 1)]
    frames[1][0][:20] = frames[0][0][:20]  # leaves that do not change
    wild = network(0.3)
    used, fresh = (Solver((48, 32), preconditioner=HTP.of_network(wild)) for _ in range(2))
    used.step(*frames[0])
    one, other = used.step(*frames[1]), fresh.step(*frames[1])
    assert used.info.iterations == fresh.info.iterations
    assert np.allclose(one, other, rtol=0.0, atol=1e-9 * abs(one).max())


def test_weights_that_do_not_fit_are_refused():
    few = network(config=dataclasses.replace(TINY, functions=3))
    with pytest.raises(ValueError, match="16 candidates need 15 functions besides the constant, the weights have 3"):
        Solver((32, 32), preconditioner=HTP.of_network(few))
    with pytest.raises(ValueError, match="weights for 2D grids"):
        Solver((8, 8, 8), preconditioner=HTP.of_network(network()))


@pytest.mark.parametrize(
    "options",
    [
        *({"coarse_size": s} for s in (None, 1, 16)),
        *({"candidates": c} for c in (4, 12, 32)),
        *({"refresh": r} for r in (0, 1.5, "never")),
    ],
)
def test_options_outside_their_range_are_refused(options):
    with pytest.raises(ValueError, match=str(next(iter(options)))):
        HTP(**options)


def test_a_leafs_functions_depend_on_its_own_rows_alone():
    """Change the density in the last leaf: its functions follow, those of the first leaf do not."""
    made = network(0.5)
    operator = FrameSource(FrameConfig(shapes=((48, 48),), families=("noise",))).batch(0, 1)
    other = dataclasses.replace(operator, conductance=operator.conductance.clone())
    other.conductance[:, :, -1] *= 0.5
    first, second = (made(o, patch_lattice(o.lattice))[0] for o in (operator, other))
    assert torch.equal(first[:-1], second[:-1])
    assert not torch.equal(first[-1], second[-1])


@pytest.mark.parametrize("boundary", ["wall", "open"])
def test_kernels_and_torch_apply_the_same_additive_preconditioner(boundary):
    """M r of the solver's kernels and of the training's Torch, up to the scale of A and the null space."""
    shape, wild = (48, 24), network(0.3)
    preconditioner = HTP.of_network(wild, coarse_size=4, candidates=4, sweep="additive")
    solver = Solver(shape, preconditioner=preconditioner, boundary=boundary, precision="float64", max_iterations=1)
    solver.step(*problems.frame("film", shape, seed=1))
    bound, system = solver.preconditioner, solver.system
    operator = assembled_operator(Lattice(system), system)
    product = additive_product(operator, coarse_basis(operator, start_functions(wild, operator)[:, :, :3]))
    r = np.random.default_rng(0).standard_normal(system.size) * system.fluid.numpy()
    r -= system.fluid.numpy() * r.sum() / system.fluid.numpy().sum()
    z, rz = wp.zeros(system.size, dtype=wp.float64), wp.zeros(max(system.slots, system.leaves), dtype=wp.float64)
    bound.apply(wp.array(r, dtype=wp.float64), z, rz)
    mine, other = z.numpy(), product(torch.from_numpy(r)[None, :, None])[0, :, 0].numpy()
    if boundary == "wall":
        mine, other = (v - system.fluid.numpy() * v.sum() / system.fluid.numpy().sum() for v in (mine, other))
    other = other * (mine @ other) / (other @ other)
    assert np.linalg.norm(mine - other) <= 1e-4 * np.linalg.norm(mine)
