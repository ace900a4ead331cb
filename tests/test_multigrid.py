"""The multigrid preconditioner: symmetric positive definite, how a GPU runs it, and how many iterations it takes."""

import numpy as np
import pytest
import warp as wp
from applied import applied

from hpsolver import Solver, Status, problems
from hpsolver.grid import make_grid
from hpsolver.preconditioners import Multigrid
from hpsolver.system import System

GRIDS = {
    "walls, solids": ((17, 16), "wall", True),
    "even periodic": ((18, 12), "periodic", True),
    "odd periodic, solids, open": ((19, 13), ("periodic", ("wall", "open")), True),
    "periodic of two and three": ((70, 3), (("open", "wall"), "periodic"), False),
    "3D odd periodic": ((9, 4, 5), ("periodic", "wall", "periodic"), True),
}


def frame(shape, solids, contrast=1000.0):
    rng = np.random.default_rng(5)
    density = np.where(rng.random(shape) < 0.4, contrast, 1.0) * (1 + 0.1 * rng.random(shape))
    return density, rng.standard_normal(shape), rng.random(shape) < 0.2 if solids else None


def solve(shape, boundary, solids, precision="float64", block_cells=None):
    """A solver after one frame, its density and its solids."""
    density, rhs, solid = frame(shape, solids)
    tolerance = 1e-4 if precision == "float32" else 1e-8
    options = {"boundary": boundary, "precision": precision, "tolerance": tolerance}
    spacing = (0.5, 0.6, 0.7)[: len(shape)]
    solver = Solver(shape, preconditioner=Multigrid(block_cells), spacing=spacing, **options)
    solver.set_solid(solid)
    solver.step(density, rhs)
    return solver, density, solid


@pytest.mark.parametrize("boundary", ["wall", "periodic", "open"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 1), (2, 1, 2), (1, 5, 3)])
def test_tiny_grids_stay_positive_definite(shape, boundary):
    solver, *_ = solve(shape, boundary, False)
    M, _ = applied(solver)
    assert np.isfinite(M).all() and abs(M - M.T).max() <= 1e-12 * abs(M).max()
    assert np.linalg.eigvalsh(M).min() > 0
    assert solver.info.status is Status.CONVERGED and not solver.info.fallback


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("mixed", 1e-5), ("float32", 1e-5)])
@pytest.mark.parametrize("shape", [(100, 75), (21, 18, 26)])
def test_it_is_symmetric_and_positive_on_random_vectors(shape, precision, tolerance):
    solver, *_ = solve(shape, "wall", True, precision)
    system, T = solver.system, solver.system.krylov_type
    z, rz = system.zeros(system.size, T), system.zeros(solver.preconditioner.products, wp.float64)
    vectors = np.random.default_rng(0).standard_normal((4, *shape))
    products = []
    for u in vectors:
        solver.preconditioner.apply(wp.array(system.bricks.to_bricks(u), dtype=T), z, rz)
        result = system.bricks.from_bricks(z.numpy(), shape)
        products.append([(v * result).sum() for v in vectors])
        assert rz.numpy().sum() > 0
    products = np.array(products)
    assert abs(products - products.T).max() <= tolerance * products.diagonal().max()


# --- how a GPU runs it, and how often ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["walls, solids", "odd periodic, solids, open", "even periodic", "3D odd periodic"])
def test_levels_in_many_blocks_or_one_give_the_same_bits(name):
    whole, *_ = solve(*GRIDS[name])
    for block_cells in (1, 30):
        split, *_ = solve(*GRIDS[name], block_cells=block_cells)
        assert split.preconditioner.launches > whole.preconditioner.launches
        assert split.info.iterations == whole.info.iterations
        assert np.array_equal(applied(split)[0], applied(whole)[0])


@pytest.mark.parametrize(("shape", "boundary"), [((33, 17), "periodic"), ((9, 12, 10), ("wall", "periodic", "open"))])
def test_any_number_of_blocks_gives_the_same_bits(shape, boundary):
    density, rhs, _ = frame(shape, False)
    results = []
    for slots in (1, 3, 7):
        system = System(make_grid(shape, boundary=boundary), 128, "float64", wp.get_device(), slots=slots)
        system.density.assign(system.bricks.to_bricks(density))
        system.assemble()
        preconditioner = Multigrid(1).bind(system)
        preconditioner.update()
        z, rz = system.zeros(system.size, wp.float64), system.zeros(slots, wp.float64)
        preconditioner.apply(wp.array(system.bricks.to_bricks(rhs), dtype=wp.float64), z, rz)
        results.append(z.numpy())
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


@pytest.mark.parametrize(("block_cells", "launches"), [(None, 3), (512, 5), (128, 7)])
def test_launches(monkeypatch, block_cells, launches):
    solver = Solver((32, 32), preconditioner=Multigrid(block_cells))
    solver.step(*problems.frame("panel", (32, 32), seed=0))
    count = []
    monkeypatch.setattr(wp, "launch", lambda *a, **k: count.append(1))
    monkeypatch.setattr(wp, "launch_tiled", lambda *a, **k: count.append(1))
    solver._pcg.iterate(solver.preconditioner)
    assert solver.preconditioner.launches == launches
    assert len(count) == 3 + launches


@pytest.mark.parametrize("block_cells", [0, -1, 2.5, True])
def test_block_cells_must_be_positive(block_cells):
    with pytest.raises(ValueError, match="block_cells must be an integer >= 1 or None"):
        Multigrid(block_cells)


@pytest.mark.parametrize("sweeps", [0, 3, 1.5, True, "two"])
def test_sweeps_must_be_one_or_two(sweeps):
    with pytest.raises(ValueError, match=r"sweeps must be None or one of \(1, 2\)"):
        Multigrid(sweeps=sweeps)


def test_replayed_frames_renew_it_and_repeat_bit_for_bit():
    shape = (40, 25)
    frames = [problems.frame(family, shape, seed=s) for s, family in enumerate(("noise", "panel", "noise"))]
    solver = Solver(shape, preconditioner="multigrid")
    for density, rhs in frames:
        fresh = Solver(shape, preconditioner="multigrid")
        assert np.array_equal(solver.step(density, rhs), fresh.step(density, rhs))
        assert solver.info.iterations == fresh.info.iterations
        solver.step(np.full(shape, np.nan), rhs)  # leaves nothing behind
        assert solver.info.status is Status.BAD_DENSITY


# --- what it is worth -------------------------------------------------------------------------------------------------


def iterations(shape, family, contrast=None, seeds=range(10000, 10003), solid=None, boundary="wall"):
    solver = Solver(shape, boundary=boundary, preconditioner="multigrid", tolerance=1e-8, precision="float64")
    solver.set_solid(solid)
    counts = []
    for seed in seeds:
        solver.step(*problems.frame(family, shape, seed=seed, contrast=contrast))
        solver.info.raise_for_status()
        assert not solver.info.fallback
        counts.append(solver.info.iterations)
    return counts


def test_iterations_on_panel_do_not_grow_with_the_grid():
    counts = {shape: iterations(shape, "panel") for shape in [(32, 32), (128, 64), (129, 97), (256, 256)]}
    counts |= {shape: iterations(shape, "panel", seeds=[10000]) for shape in [(512, 512), (64, 64, 64)]}
    assert max(map(max, counts.values())) <= 15, counts


@pytest.mark.parametrize(
    ("boundary", "shape", "bound"),
    [
        ("periodic", (127, 127), 13),
        ("periodic", (128, 65), 18),
        ("open", (127, 65), 13),
        (("wall", "open"), (65, 33), 14),
    ],
)
def test_iterations_with_other_sides_and_odd_sizes(boundary, shape, bound):
    """A periodic axis of odd length on every level (65, 33, 17, ...) costs a third more; on one level, nothing."""
    assert max(iterations(shape, "panel", boundary=boundary)) <= bound


@pytest.mark.parametrize(
    ("family", "shape", "contrast", "bound"),
    [
        ("bubbles", (128, 128), 1e3, 26),
        ("film", (128, 128), 1e3, 36),
        ("noise", (128, 128), 1e1, 14),
        ("dam", (128, 128), 1e5, 16),
        ("tank", (32, 32, 32), 1e3, 16),
        ("bubbles", (32, 32, 32), 1e5, 17),
    ],
)
def test_iterations_at_high_contrast(family, shape, contrast, bound):
    assert np.mean(iterations(shape, family, contrast)) <= bound


@pytest.mark.parametrize(("place", "bound"), [(31, 12), (27, 15), (26, 18)])
def test_a_thin_wall_costs_little(place, bound):
    """Nothing at 31, where it lies between coarse cells on every level; more where coarse cells span it."""
    solid = np.zeros((64, 64), bool)
    solid[place] = True
    assert np.mean(iterations((64, 64), "panel", 2.0, solid=solid)) <= bound
