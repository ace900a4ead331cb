"""Cells far longer along one axis than along another: leaves take a shape that keeps the iterations few."""

import numpy as np
import oracle
import pytest

from hpsolver import Solver
from hpsolver.bricks import EXTENTS, make_bricks, weakness
from hpsolver.grid import make_grid
from hpsolver.preconditioners import Schwarz

CASES = [((24, 40), (1.0, 30.0)), ((10, 12, 9), (20.0, 20.0, 1.0))]


def torn(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return np.where(rng.random(shape) < 0.3, 1000.0, 1.0), rng.standard_normal(shape)


@pytest.mark.parametrize(
    ("shape", "spacing", "leaf_size", "extent"),
    [
        ((64, 64), (1, 1), 128, (1, 16, 8)),
        ((64, 64), (1, 1.4), 128, (1, 16, 8)),
        ((64, 64), (1, 3), 128, (1, 32, 4)),
        ((64, 64), (1, 10), 128, (1, 64, 2)),
        ((256, 64), (1, 10), 128, (1, 128, 1)),
        ((256, 64), (10, 1), 64, (1, 1, 64)),
        ((64, 64, 64), (1, 1, 10), 128, (16, 8, 1)),
        ((64, 64, 64), (1, 10, 10), 128, (64, 2, 1)),
        ((4, 4), (1, 10), 128, (1, 32, 4)),
    ],
)
def test_leaves_are_long_where_cells_are_short(shape, spacing, leaf_size, extent):
    bricks = make_bricks(make_grid(shape, spacing), leaf_size, shaped=True)
    assert bricks.extent == extent
    assert make_bricks(make_grid(shape, spacing), leaf_size).extent == EXTENTS[len(shape), leaf_size]
    field = np.random.default_rng(0).random(shape)
    assert np.array_equal(bricks.from_bricks(bricks.to_bricks(field), shape), field)


def test_weakness_is_the_square_of_the_spacing():
    assert weakness(make_grid((4, 4), (2.0, 6.0))) == (1.0, 1.0, 9.0)
    assert weakness(make_grid((4, 4, 4), (1.0, 1.2, 1.4))) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("boundary", ["wall", "open", "periodic"])
@pytest.mark.parametrize("name", ["schwarz", "multigrid"])
@pytest.mark.parametrize(("shape", "spacing"), CASES)
def test_answers_are_scipys(shape, spacing, name, boundary):
    density, rhs = torn(shape)
    solid = np.random.default_rng(1).random(shape) < 0.1
    options = {"spacing": spacing, "boundary": boundary, "tolerance": 1e-9}
    solver = Solver(shape, preconditioner=name, max_iterations=20_000, **options)
    solver.set_solid(solid)
    p = solver.step(density, rhs)
    A = oracle.assemble(density, spacing, boundary, solid=solid)
    assert solver.info.converged
    assert oracle.residual(A, p, rhs, solid) <= 2e-9


@pytest.mark.parametrize("options", [{"dense": True}, {"sweep": "additive"}, {"levels": 3}], ids=str)
def test_all_forms_of_schwarz_need_few_iterations(options):
    shape, spacing = (40, 96), (1.0, 30.0)
    density, rhs = torn(shape)
    solver = Solver(shape, spacing=spacing, preconditioner=Schwarz(**options))
    p = solver.step(density, rhs)
    assert solver.info.converged and not solver.info.fallback
    assert solver.info.iterations <= (40 if options.get("sweep") == "additive" else 20)
    assert oracle.residual(oracle.assemble(density, spacing), p, rhs) <= 2e-6


@pytest.mark.parametrize("shape", [(64, 64), (96, 32)])
def test_iterations_of_schwarz_hardly_depend_on_the_aspect(shape):
    density, rhs = torn(shape)
    for aspect in (1.0, 10.0, 30.0, 100.0, 1000.0):
        solver = Solver(shape, spacing=(1.0, aspect), preconditioner="schwarz")
        solver.step(density, rhs)
        assert solver.info.converged and solver.info.iterations <= 15, (aspect, solver.info.iterations)


def test_in_3d_too():
    shape = (20, 24, 16)
    density, rhs = torn(shape)
    for aspect in (3.0, 30.0, 1000.0):
        solver = Solver(shape, spacing=(aspect, aspect, 1.0), preconditioner="schwarz")
        solver.step(density, rhs)
        assert solver.info.converged and solver.info.iterations <= 14, (aspect, solver.info.iterations)


def test_auto_takes_schwarz_on_flat_cells():
    for shape, spacing, name in (
        ((64, 64), (1, 3), "multigrid"),
        ((64, 64), (10, 1), "schwarz"),
        ((16, 16, 16), (1, 1, 12), "schwarz"),
    ):
        assert Solver(shape, spacing=spacing).preconditioner.name == name
