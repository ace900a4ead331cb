"""The published network and its operator: partition, parameters, and M against an independent dense construction."""

import numpy as np
import oracle
import pytest
import torch
import warp as wp

from hpsolver import Solver, problems
from hpsolver.grid import make_grid
from hpsolver.network.frames import FrameConfig, FrameSource
from hpsolver.network.partition import make_partition, morton_order
from hpsolver.network.poisson import Lattice, Operator, assembled_operator, read_operator
from hpsolver.network.tiles import TileMap
from hpsolver.network.transformer import HierarchicalTransformer, TransformerConfig
from hpsolver.preconditioners.htp_paper import HTPaper
from hpsolver.system import System

pytestmark = pytest.mark.cpu

SMALL = TransformerConfig(width=16, layers=1, heads=2)


def coordinates(*counts: int) -> np.ndarray:
    return np.stack(np.meshgrid(*map(np.arange, (1,) * (3 - len(counts)) + counts), indexing="ij"), -1).reshape(-1, 3)


def random_network(config: TransformerConfig = SMALL, seed: int = 0) -> HierarchicalTransformer:
    """A network whose heads are not at zero, so that every factor matters."""
    torch.manual_seed(seed)
    network = HierarchicalTransformer(config)
    for head in (network.leaf_factor, network.tile_left):
        torch.nn.init.normal_(head[-1].weight, std=0.3)
    for layer in (*network.trunk.leaf_layers, *network.trunk.tile_layers):
        torch.nn.init.normal_(layer.attention.edge[-1].weight, std=0.05)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("counts", "tiles"), [((2, 4), 19), ((4, 4), 48), ((4, 8), 109), ((8, 8), 234), ((16, 8), 487), ((2, 2, 2), 19)]
)
def test_partition_has_the_published_number_of_tiles(counts, tiles):
    assert make_partition(coordinates(*counts)).tiles == tiles


@pytest.mark.parametrize("counts", [(1,), (1, 2), (3, 5), (7, 9), (2, 3, 5)])
def test_partition_covers_every_pair_of_leaves_once(counts):
    partition = make_partition(coordinates(*counts) if len(counts) > 1 else np.zeros((1, 3), dtype=int))
    covered = np.eye(partition.leaves)
    for rows, columns in zip(partition.members(partition.row), partition.members(partition.column), strict=True):
        covered[np.ix_(rows, columns)] += 1
        covered[np.ix_(columns, rows)] += 1
    assert (covered == 1).all()


def test_morton_order_visits_squares_of_leaves_one_after_the_other():
    visited = coordinates(4, 4)[morton_order(coordinates(4, 4))]
    for quarter in visited.reshape(4, 4, 3):
        assert (quarter.max(axis=0) - quarter.min(axis=0)).max() == 1


def test_published_size_has_the_published_number_of_parameters():
    count = sum(p.numel() for p in HierarchicalTransformer(TransformerConfig()).parameters())
    assert count == 2_653_841
    without = HierarchicalTransformer(TransformerConfig(highways=False))
    assert sum(p.numel() for p in without.parameters()) == 1_474_193


def test_operator_multiplies_as_the_assembled_matrix():
    shape = (20, 30)
    density, _ = problems.frame("noise", shape, seed=1)
    system = System(make_grid(shape, boundary=("wall", ("open", "wall"))), 128, "mixed", wp.get_device("cpu"))
    system.density.assign(system.bricks.to_bricks(density))
    system.assemble()
    operator = assembled_operator(Lattice(system), system)
    A = oracle.assemble(density, boundary=("wall", ("open", "wall")))
    v = np.random.default_rng(0).standard_normal(shape)
    z = torch.from_numpy(system.bricks.to_bricks(v)).float()[None, :, None]
    mine = system.bricks.from_bricks(operator.multiply(z)[0, :, 0].numpy(), shape)
    expected = (A @ v.ravel()).reshape(shape)
    assert np.allclose(mine / np.linalg.norm(mine), expected / np.linalg.norm(expected), atol=1e-6)


def seen_by_torch(solver: Solver, config: TransformerConfig) -> tuple[Operator, TileMap]:
    """The operator of the last frame and the tiles, as Torch's forward pass takes them."""
    lattice = Lattice(solver.system)
    partition = make_partition(solver.system.bricks.coordinates)
    return assembled_operator(lattice, solver.system), TileMap(lattice, partition, config.leaf_size // config.rank)


@pytest.mark.parametrize(
    ("config", "shape", "boundary", "solid"),
    [
        (SMALL, (32, 32), "wall", False),
        (TransformerConfig(width=32, layers=2, heads=4), (40, 30), (("open", "wall"), "periodic"), False),
        (TransformerConfig(width=16, layers=1, heads=2, highways=False), (33, 50), "wall", True),
        (TransformerConfig(width=16, layers=2, heads=2, graph_layers=1), (16, 8), "wall", False),  # one leaf, no tile
        (TransformerConfig(width=16, layers=1, heads=1, rank=16), (8, 40), "open", True),
        (TransformerConfig(width=16, layers=1, heads=2), (8, 9, 10), ("periodic", "wall", "open"), True),
    ],
    ids=["small", "two layers", "no highways", "one leaf", "rank 16", "3D"],
)
def test_the_forward_pass_is_that_of_torch(config, shape, boundary, solid):
    network = random_network(config)
    solver = Solver(shape, boundary=boundary, preconditioner=HTPaper.of_network(network), max_iterations=1)
    if solid:
        solver.set_solid(np.random.default_rng(0).random(shape) < 0.2)
    density, rhs = problems.frame("noise", shape, seed=1, contrast=100.0)
    solver.step(1e-9 * density, rhs)
    bound = solver.preconditioner
    operator, tiles = seen_by_torch(solver, config)
    factors = network(operator, tiles)
    block = factors.leaf[0] @ factors.leaf[0].mT
    block.diagonal(dim1=-2, dim2=-1).add_(factors.gate[0] / operator.diagonal[0])
    basis = torch.cat([factors.left[0], factors.right[0]], dim=-1).mT
    largest, reach = block.abs().max(), basis.abs().max()
    expected = block / largest, basis / reach, factors.core[0] * (reach**2 / largest)
    for found, wanted in zip((bound._blocks, bound._basis, bound._cores), expected, strict=True):
        wanted = wanted.numpy().ravel()
        assert np.allclose(found.numpy()[: wanted.size], wanted, rtol=0.0, atol=1e-5 * abs(wanted).max(initial=1e-30))


def dense_matrix(factors, operator, partition) -> np.ndarray:
    """M written out tile by tile, from the formula of ``hpsolver.network.factors``, in double precision."""
    leaf, left, right = (getattr(factors, name)[0].double().numpy() for name in ("leaf", "left", "right"))
    K, L, _ = left.shape
    M = np.zeros((K, L, K, L))
    for k in range(K):
        jacobi = factors.gate[0, k].double().numpy() / operator.diagonal[0, k].double().numpy()
        M[k, :, k, :] += leaf[k] @ leaf[k].T + np.diag(jacobi)
    pairs = zip(partition.members(partition.row), partition.members(partition.column), strict=True)
    for m, (rows, columns) in enumerate(pairs):
        core = factors.core[0, m].double().numpy()
        tile = np.einsum("rla,ab,csb->rlcs", left[rows], core, right[columns])
        M[np.ix_(rows, range(L), columns, range(L))] += tile
        M[np.ix_(columns, range(L), rows, range(L))] += tile.transpose(2, 3, 0, 1)
    return M.reshape(K * L, K * L)


@pytest.mark.parametrize(
    ("shape", "storage", "tolerance"),
    [
        ((32, 32), "float32", 1e-5),
        ((40, 30), "float32", 1e-5),
        ((33, 50), "float32", 1e-5),
        ((80, 8), "float32", 1e-5),
        ((32, 32), "float16", 2e-3),
        ((32, 32), "bfloat16", 2e-2),
    ],
)
def test_kernels_apply_the_matrix_of_the_formula(shape, storage, tolerance):
    network = random_network()
    preconditioner = HTPaper.of_network(network, storage=storage)
    solver = Solver(shape, preconditioner=preconditioner, max_iterations=2)
    solver.step(*problems.frame("panel", shape, seed=1))
    bound, system = solver.preconditioner, solver.system
    operator, tiles = seen_by_torch(solver, SMALL)
    expected = dense_matrix(network(operator, tiles), operator, bound.partition)

    N = system.size
    r, z = (wp.zeros(N, dtype=wp.float64) for _ in range(2))
    rz = wp.zeros(max(system.slots, system.leaves), dtype=wp.float64)
    rng = np.random.default_rng(0)
    for _ in range(3):
        vector = rng.standard_normal(N) * system.fluid.numpy()
        r.assign(vector)
        bound.apply(r, z, rz)
        wanted = expected @ vector
        found = z.numpy() * (z.numpy() @ wanted) / (z.numpy() @ z.numpy())  # M's scale is free
        assert np.linalg.norm(found - wanted) <= tolerance * np.linalg.norm(wanted)
        assert np.isclose(rz.numpy()[: system.slots].sum(), vector @ z.numpy(), rtol=1e-10)
        assert not z.numpy()[system.fluid.numpy() == 0].any()


def test_torch_product_is_the_matrix_of_the_formula():
    source = FrameSource(FrameConfig(shapes=((32, 16),)))
    operator, network = source.batch(0, 2), random_network()
    partition = make_partition(operator.lattice.bricks.coordinates)
    tiles = TileMap(operator.lattice, partition, 4)
    factors = network(operator, tiles)
    z = torch.randn(2, 512, 3, generator=torch.Generator().manual_seed(0))
    product = factors.apply(operator, tiles, z)[0].double().numpy()
    expected = dense_matrix(factors, operator, partition) @ z[0].double().numpy()
    assert np.linalg.norm(product - expected) <= 1e-5 * np.linalg.norm(expected)


def test_a_frame_does_not_depend_on_the_others_of_its_batch():
    operator = FrameSource(FrameConfig(shapes=((32, 32),))).batch(0, 2)
    tiles = TileMap(operator.lattice, make_partition(operator.lattice.bricks.coordinates), 4)
    network = random_network()
    both = network(operator, tiles)
    from dataclasses import replace

    second = replace(operator, **{n: getattr(operator, n)[1:] for n in ("conductance", "diagonal", "log_density")})
    alone = network(second, tiles)
    assert torch.allclose(both.core[1], alone.core[0], atol=1e-5)
    assert torch.allclose(both.leaf[1], alone.leaf[0], atol=1e-5)


def test_density_outside_the_fluid_changes_nothing():
    shape = (20, 12)
    system = System(make_grid(shape), 128, "mixed", wp.get_device("cpu"))
    lattice = Lattice(system)
    network, tiles = random_network(), TileMap(lattice, make_partition(system.bricks.coordinates), 4)
    density = system.bricks.to_bricks(problems.density("panel", shape, seed=0))
    system.density.assign(density)
    system.assemble()
    factors = []
    for padding in (0.0, 77.0):
        filled = np.where(system.fluid.numpy() == 0, padding, density)
        arrays = (system.conductance.numpy(), system.diagonal.numpy(), filled)
        factors.append(network(read_operator(lattice, *map(torch.from_numpy, arrays)), tiles))
    assert torch.equal(factors[0].core, factors[1].core)


def test_edges_of_tiles_hold_the_couplings_between_their_strips():
    """Edges are means of A / s over the slots and leaves of two strips, here summed from the dense matrix."""
    operator = FrameSource(FrameConfig(shapes=((48, 56),), families=("noise",))).batch(3, 1)
    partition, pool = make_partition(operator.lattice.bricks.coordinates), 4
    edges = TileMap(operator.lattice, partition, pool).edges(operator)[0].numpy()
    K, L = operator.lattice.leaves, operator.lattice.leaf_size
    A = operator.multiply(torch.eye(K * L)[None])[0].numpy().reshape(K, L // pool, pool, K, L // pool, pool)
    pooled = A.mean(axis=(2, 5))
    assert abs(edges[..., 3]).max() > 0
    for m, (r, c) in enumerate(zip(partition.members(partition.row), partition.members(partition.column), strict=True)):
        expected = pooled[r][:, :, c].sum(axis=(0, 2)) / len(c)
        assert np.allclose(edges[m, ..., 3], expected, atol=1e-6)
    bricks = operator.lattice.bricks
    origin = bricks.coordinates * np.array(bricks.extent)
    r, c = (partition.members(start)[0] for start in (partition.row, partition.column))
    middle = edges[0, ..., :3].mean(axis=(0, 1)) * 16.0
    assert np.allclose(middle, origin[c].mean(axis=0) - origin[r].mean(axis=0), atol=1e-4)
