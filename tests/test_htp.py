"""The learned coarse space: its objective against dense algebra, and a solver that no network can break."""

import dataclasses

import numpy as np
import pytest
import torch
import warp as wp
from hpsolver.kernels.basis import TOKENS

from hpsolver import Solver, Status, problems
from hpsolver.network.basis import BasisConfig, BasisNetwork
from hpsolver.network.basis_task import BasisTask, patch_lattice
from hpsolver.network.coupling import (
    additive_product,
    coarse_basis,
    coupling_matrix,
    determinant_objective,
    leaf_matrices,
)
from hpsolver.network.frames import FrameConfig, FrameSource
from hpsolver.network.oracle import gains, optimal_functions, optimal_start
from hpsolver.network.poisson import Lattice, Operator, assembled_operator
from hpsolver.preconditioners import Schwarz
from hpsolver.preconditioners.boxes import patch_boxes
from hpsolver.preconditioners.haar import haar, sub_bricks
from hpsolver.preconditioners.htp import HTP

TINY = BasisConfig(width=16, layers=1, heads=2)
VARIANTS = [
    {"sweep": "additive"},
    {"sweep": "deflated"},
    {"sweep": "redblack"},
]


def network(head: float = 0.0, config: BasisConfig = TINY) -> BasisNetwork:
    torch.manual_seed(0)
    made = BasisNetwork(config)
    if head:
        torch.nn.init.normal_(made.head.weight, std=head)
    return made.half().float().eval().requires_grad_(False)  # as a file keeps it


def start_functions(made: BasisNetwork, operator: Operator) -> torch.Tensor:
    """[B, K, functions, L]."""
    patches = patch_lattice(operator.lattice)
    return made(operator, patches) @ patches.candidates


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


@pytest.mark.parametrize("extent", [(1, 16, 8), (8, 4, 4)])
def test_haar_functions_span_the_indicators_of_the_sub_bricks(extent):
    for R in (2, 4, 8):
        functions = np.vstack([np.ones(128), haar(extent, R - 1)])
        indicators = np.eye(R)[:, sub_bricks(extent, R)]
        assert np.linalg.matrix_rank(np.vstack([functions, indicators])) == np.linalg.matrix_rank(functions) == R
    cells, counts = patch_boxes(extent)
    assert sorted(cells.ravel()) == list(range(128))
    assert np.prod(counts) == TOKENS


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v["sweep"])
def test_network_of_zeros_is_the_classical_basis(variant):
    density, rhs = problems.frame("film", (48, 40), seed=3)
    solvers = [
        Solver((48, 40), preconditioner=p, precision="float64", tolerance=1e-9)
        for p in (
            Schwarz(4, candidates=8, **variant),
            HTP.of_network(network(), coarse_size=4, **variant),
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
