"""The nested coarse space against its formula in dense double-precision NumPy, and what must hold of it on any grid."""

import numpy as np
import oracle
import pytest
import warp as wp
from hpsolver.kernels.nested import UNKNOWNS
from nested_formula import SHAPE, formula

from hpsolver import Solver, Status, problems
from hpsolver.bricks import make_bricks
from hpsolver.grid import make_grid
from hpsolver.node_bricks import group_nodes
from hpsolver.preconditioners import Schwarz, coarse_space
from hpsolver.preconditioners.nested import NestedCoarse, nests

BOUNDARY = (("open", "wall"), "wall")


def random_pair(solver: Solver) -> tuple[np.ndarray, ...]:
    """u, v, M u, M v of the last frame, [cells]: random values in the fluid, of zero mean in each singular region."""
    system, rng = solver.system, np.random.default_rng(1)
    T, cell = system.krylov_type, system.bricks.cell
    fluid = system.fluid.numpy() > 0
    r, z = (system.zeros(system.size, T) for _ in range(2))
    rz = system.zeros(solver.preconditioner.products, wp.float64)
    results = []
    for _ in range(2):
        values = np.where(fluid, rng.standard_normal(system.size), 0.0)
        for region in range(system.regions.count):
            own = system.region_label == region
            values[own] -= values[own].mean()
        r.assign(values.astype(np.float32 if T is wp.float32 else np.float64))
        solver.preconditioner.apply(r, z, rz)
        assert rz.numpy().sum() == pytest.approx(values @ z.numpy())
        results += [values, z.numpy().astype(np.float64)]
    real = cell >= 0
    order = np.argsort(cell[real])
    u, Mu, v, Mv = (x[real][order] for x in results)
    return u, v, Mu, Mv


@pytest.mark.parametrize("levels", [3, 4])
def test_preconditioner_is_its_formula(levels):
    density = problems.density("film", SHAPE, seed=0, contrast=1e3)
    A = oracle.assemble(density, boundary=BOUNDARY).toarray()
    expected = formula(A, levels)
    for dense in (False, True):
        for precision, bound in (("float64", 1e-8), ("mixed", 1e-4)):
            preconditioner = Schwarz(8, levels=levels, dense=dense)
            solver = Solver(SHAPE, boundary=BOUNDARY, preconditioner=preconditioner, precision=precision)
            solver.step(density, problems.rhs("random", density))
            u, v, Mu, Mv = random_pair(solver)
            for r, Mr in ((u, Mu), (v, Mv)):
                error = expected @ r - Mr
                assert error @ A @ error <= bound**2 * (Mr @ A @ Mr), (dense, precision)


def room(shape: tuple[int, ...]) -> np.ndarray:
    """Two chambers that a wall of solid parts, with a closed box in each: four regions, one of them inside one leaf."""
    solid = np.zeros(shape, bool)
    solid[shape[0] // 2] = True
    for low, size in ((2, 6), (shape[0] // 2 + 9, 22)):
        box = (slice(low, low + size),) * len(shape)
        inner = (slice(low + 1, low + size - 1),) * len(shape)
        hollow = solid[inner].copy()
        solid[box] = True
        solid[inner] = hollow
    return solid


CASES = {
    "wall": ((128, 96), "wall", None),
    "periodic": ((160, 48), "periodic", None),  # three colours of leaves, bricks that are their own neighbours
    "solid": ((100, 64), "wall", room),
    "one brick": ((20, 9), "wall", None),
    "3D": ((40, 33, 32), (("open", "wall"), "periodic", "wall"), None),
    "3D solid": ((56, 40, 32), "wall", room),
}


@pytest.mark.parametrize(
    ("case", "functions", "leaf_size"),
    [*((case, 8, 128) for case in CASES), ("wall", 4, 64), *((c, n, 128) for c in ("wall", "3D") for n in (4, 16))],
)
def test_symmetric_positive_and_solving(case, functions, leaf_size):
    shape, boundary, solid = CASES[case]
    density, rhs = problems.frame("bubbles", shape, seed=3, contrast=1e3)
    mask = solid(shape) if solid else None
    for dense in (False, True):
        preconditioner = Schwarz(functions, leaf_size=leaf_size, levels=3, dense=dense)
        solver = Solver(shape, boundary=boundary, preconditioner=preconditioner, precision="float64", tolerance=1e-9)
        solver.set_solid(mask)
        pressure = solver.step(density, rhs)
        info = solver.info
        assert info.status is Status.CONVERGED and not info.fallback
        assert info.iterations <= (30 if functions >= 8 else 60)
        u, v, Mu, Mv = random_pair(solver)
        assert abs(u @ Mv - v @ Mu) <= 1e-9 * np.sqrt((u @ Mu) * (v @ Mv))
        assert min(u @ Mu, v @ Mv) > 0
        A = solver.matrix()
        assert oracle.residual(A, pressure, rhs, mask) <= 1e-9


def times(matrix, vector: np.ndarray) -> np.ndarray:
    """E times a vector, from its blocks."""
    n, R, lattice = matrix.lattice.leaves, matrix.R, matrix.lattice
    blocks, x = matrix.blocks.numpy().reshape(n, -1, R, R), vector.reshape(n, R)
    result = np.einsum("nfg,ng->nf", blocks[:, -1], x)
    for d in range(lattice.directions):
        result += np.einsum(
            "nfg,ng->nf",
            np.where(lattice.side[:, d] == 0, 1.0, 0.0)[:, None, None] * blocks[:, d],
            x[lattice.neighbor[:, d]],
        )
    return result.ravel()


@pytest.mark.parametrize("case", ["wall", "periodic", "solid", "3D solid"])
def test_constants_of_every_region_are_in_every_coarse_space(case):
    shape, boundary, solid = CASES[case]
    density, rhs = problems.frame("bubbles", shape, seed=3, contrast=1e3)
    solver = Solver(shape, boundary=boundary, preconditioner=Schwarz(8, levels=4), precision="float64")
    solver.set_solid(solid(shape) if solid else None)
    solver.step(density, rhs)
    level = solver.preconditioner._space._inverse
    matrices = [level._matrix]
    while isinstance(level, NestedCoarse):
        matrices.append(level._upper)
        level = level._coarse
    assert len(matrices) == 3
    label = solver.system.region_label
    sizes = np.unique(label[(label >= 0) & (solver.system.pieces > 0)], return_counts=True)[1]  # pockets need none
    for matrix in matrices:
        constants = matrix.constants
        assert constants.regions == len(sizes)
        for region, size in enumerate(sizes):
            members = np.flatnonzero(constants.region == region)
            assert constants.cells[members].sum() == size
            vector = np.zeros(matrix.unknowns)
            vector[constants.unknown[members]] = np.sqrt(constants.cells[members])
            alone = len(members) == 1  # decoupled: the device keeps a stand-in for its zero
            assert alone or (abs(times(matrix, vector)) <= 1e-10 * matrix.scale.numpy().max() * size**0.5).all()


@pytest.mark.parametrize(
    ("family", "shape", "bound"),
    [("panel", (256, 256), 13), ("film", (128, 128), 20), ("noise", (128, 128), 33), ("bubbles", (32, 32, 32), 17)],
)
def test_iterations_are_bounded(family, shape, bound):
    """Exact coarse solutions need 9, 16, 23 and 15 iterations."""
    density, rhs = problems.frame(family, shape, seed=10001)
    solver = Solver(shape, preconditioner=Schwarz(8, levels=3), tolerance=1e-8)
    solver.step(density, rhs)
    assert solver.info.converged
    assert solver.info.iterations <= bound


def test_unchanged_parts_are_kept_and_changed_ones_renewed():
    """A solver's second frame is solved, bit for bit, as a new solver solves it."""
    shape = (128, 64)
    density, rhs = problems.frame("bubbles", shape, seed=0)
    changed = density.copy()
    changed[100:110, 30:40] *= 3.0
    used, fresh = (Solver(shape, preconditioner=Schwarz(levels=3)) for _ in range(2))
    used.step(density, rhs)
    assert np.array_equal(used.step(changed, rhs), fresh.step(changed, rhs))


def test_nesting_is_chosen_by_size():
    tiny, small, large = (make_bricks(make_grid(shape)) for shape in ((128, 128), (256, 256), (640, 648)))
    assert not nests(tiny, 8, True, None, tiny.size)
    assert nests(small, 8, True, None, small.size)
    assert not nests(small, 8, False, None, small.size)
    assert nests(large, 8, True, None, large.size)
    assert nests(large, 8, False, None, large.size)
    assert nests(small, 8, False, 3, small.size)
    assert not nests(large, 8, False, 2, large.size)
    assert not nests(large, 4, False, None, large.size)  # with fewer functions the band is narrower


def test_a_grid_beyond_the_dense_limit_is_solved():
    density, rhs = problems.frame("panel", (264, 256), seed=0)
    with pytest.raises(ValueError, match="allowed: 4096"):
        Solver((264, 256), preconditioner=Schwarz(8, levels=2, dense=True))
    solver = Solver((264, 256), preconditioner=Schwarz(8, dense=True))
    solver.step(density, rhs)
    assert solver.info.converged
    assert solver.info.iterations <= 15


@pytest.mark.parametrize("options", [{"levels": 1}, {"levels": 2.5}, {"levels": 3, "sweep": "additive"}])
def test_options_outside_their_range_are_refused(options):
    with pytest.raises(ValueError, match="levels"):
        Schwarz(**options)


@pytest.mark.parametrize("boundary", ["wall", "periodic"])
@pytest.mark.parametrize(("shape", "size"), [((200, 88), 16), ((33, 40, 65), 16), ((200, 88), 8)])
def test_lattice_lists_every_node_once_and_knows_its_neighbours(shape, size, boundary):
    bricks = make_bricks(make_grid(shape, boundary=boundary))
    periodic = [boundary == "periodic" and a >= 3 - len(shape) for a in range(3)]
    lattice = group_nodes(bricks, size, bricks.extent, periodic)
    members = lattice.members.ravel()
    assert sorted(members[members >= 0]) == list(range(bricks.leaves))
    assert UNKNOWNS % size == 0
    for node, place in enumerate(lattice.places):
        brick, position = divmod(place, size)
        for d in range(bricks.directions):
            if bricks.side[node, d] != 0:
                continue
            across = bricks.neighbor[node, d]
            inside = lattice.inside[position, d]
            if inside >= 0 and lattice.members[brick, inside] >= 0:
                assert lattice.members[brick, inside] == across
            else:
                assert lattice.side[brick, d] == 0
                assert lattice.neighbor[brick, d] == lattice.places[across] // size


def test_launches_are_as_declared(monkeypatch):
    solver = Solver((64, 64), preconditioner=Schwarz(8, levels=4))
    launched = []
    monkeypatch.setattr(wp, "launch_tiled", lambda kernel, *args, **kwargs: launched.append(kernel.key))
    pcg = solver._pcg
    solver.preconditioner.apply(pcg.r, pcg.z, pcg._rz)
    assert len(launched) == solver.preconditioner.launches
    assert launched.count("sweep") == 4  # two colours, there and back
    assert launched.count("brick_sweep") == 4 + 2  # bricks of two colours, and the one brick of bricks


@pytest.mark.parametrize("size", [4, 8])
def test_learned_functions_go_through_the_same_levels(size, monkeypatch):
    """A network of zeros gives the classical functions, hence the same frames; any other still converges. Of four of
    eight functions only the classical ones give way to functions on loose cells, so here none do."""
    if size == 4:
        monkeypatch.setattr(coarse_space, "loose_functions", lambda *options: 0)
    torch = pytest.importorskip("torch")
    from hpsolver.network.basis import BasisConfig, BasisNetwork
    from hpsolver.preconditioners.htp import HTP

    torch.manual_seed(0)
    network = BasisNetwork(BasisConfig(width=16, layers=1, heads=2)).eval().requires_grad_(False)
    density, rhs = problems.frame("film", (96, 72), seed=3)
    classical, learned = (
        Solver((96, 72), preconditioner=p, precision="float64", tolerance=1e-9)
        for p in (Schwarz(size, candidates=2 * size, levels=3), HTP.of_network(network, coarse_size=size, levels=3))
    )
    pressure = classical.step(density, rhs)
    assert np.allclose(learned.step(density, rhs), pressure, atol=1e-9 * abs(pressure).max())
    assert learned.info.iterations == classical.info.iterations
    torch.nn.init.normal_(network.head.weight, std=0.5)
    learned.set_solid(None)
    learned.step(density, rhs)
    assert learned.info.converged and not learned.info.fallback
