"""The dense form that a GPU uses, run on the CPU: inverses of the coarse matrix and of leaves, and their renewal."""

import numpy as np
import oracle
import pytest
import warp as wp
from applied import applied
from hpsolver.kernels import coarse, leaves
from hpsolver.kernels.building import launch

from bench.harness import model
from hpsolver import Solver, problems
from hpsolver.preconditioners import BlockJacobi, Schwarz


def exchanged(matrix: np.ndarray, scale: np.ndarray, stale: int = 1) -> np.ndarray:
    """The inverse by ``coarse.exchange``, [pitch, pitch]."""
    n = len(matrix)
    pitch = coarse.pitch(n)
    padded = np.eye(pitch)
    padded[:n, :n] = matrix
    before, after = (wp.array(a, dtype=wp.float64) for a in (padded.ravel(), np.zeros(pitch**2)))
    flag, sizes = wp.array([stale], dtype=wp.int32), wp.array(scale, dtype=wp.float64)
    panels = pitch // coarse.TILE
    for panel in range(panels):
        inputs = [n, panel, panels, flag, sizes, before, after]
        launch(coarse.exchange, panels * (panels + 1) // 2, inputs, wp.get_device())
        before, after = after, before
    return before.numpy().reshape(pitch, pitch)


@pytest.mark.parametrize("n", [1, 20, 32, 33, 100, 160])
def test_exchanges_invert_a_matrix(n):
    rng = np.random.default_rng(n)
    vectors = np.linalg.qr(rng.standard_normal((n, n)))[0]
    matrix = vectors * np.geomspace(1.0, 1e-6, n) @ vectors.T
    inverse = exchanged((matrix + matrix.T) / 2, np.diag(matrix))
    assert np.array_equal(inverse, inverse.T)
    assert np.allclose(inverse[:n, :n] @ matrix, np.eye(n), atol=1e-8)
    assert np.array_equal(inverse[n:, n:], np.eye(len(inverse) - n)) and not inverse[n:, :n].any()


def test_a_lost_pivot_is_replaced_by_the_scale():
    """The second unknown is a copy of the first: its pivot is zero, and counts as its scale."""
    matrix = np.eye(3)
    matrix[:2, :2] = 4.0
    inverse = exchanged(matrix, np.array([4.0, 4.0, 1.0]))[:3, :3]
    repaired = matrix + np.diag([0.0, 4.0, 0.0])
    assert np.allclose(inverse, np.linalg.inv(repaired))


def test_nothing_is_inverted_where_no_leaf_changed():
    assert not exchanged(np.eye(3), np.ones(3), stale=0).any()


@pytest.mark.parametrize(("shape", "leaf_size"), [((20, 30), 128), ((12, 18), 64), ((12, 10, 9), 128), ((9, 7, 6), 64)])
def test_leaves_are_solved_exactly_plane_by_plane(shape, leaf_size):
    """Against the inverses of A's blocks, with partial leaves and solids, at 1e4:1."""
    rng = np.random.default_rng(1)
    density, solid = np.where(rng.random(shape) < 0.3, 1e4, 1.0), rng.random(shape) < 0.1
    boundary = ("periodic", *["wall"] * (len(shape) - 2), ("open", "wall"))
    preconditioner = BlockJacobi(leaf_size, dense=True)
    solver = Solver(shape, boundary=boundary, preconditioner=preconditioner, precision="float64")
    solver.set_solid(solid)
    solver.step(density, rng.standard_normal(shape))
    bricks = solver.system.bricks
    assert leaves.by_planes(bricks.leaf_size, bricks.halfwidth)
    A = oracle.assemble(density, boundary=boundary, solid=solid).toarray()
    expected, fluid = np.zeros_like(A), ~solid.ravel()
    for cells in bricks.cell.reshape(bricks.leaves, -1):
        own = cells[cells >= 0]
        own = np.ix_(own[fluid[own]], own[fluid[own]])
        expected[own] = np.linalg.inv(A[own])
    M = applied(solver)[0]
    assert np.allclose(M[np.ix_(fluid, fluid)], expected[np.ix_(fluid, fluid)], rtol=1e-9, atol=1e-9 * expected.max())


@pytest.mark.parametrize("options", [{"leaf_size": 64}, {"leaf_size": 128}, {"levels": 3}], ids=str)
def test_a_frame_after_another_is_solved_as_if_it_were_the_first(options):
    """Bit for bit: where nothing changed, where a leaf did, and where all did."""
    shape = (64, 48)
    density, rhs = problems.frame("bubbles", shape, seed=0, contrast=1000.0)
    touched = density.copy()
    touched[3, 5] *= 7.0
    used = Solver(shape, preconditioner=Schwarz(dense=True, **options))
    for frame in (density, density, touched, 2.0 * touched):
        fresh = Solver(shape, preconditioner=Schwarz(dense=True, **options))
        assert np.array_equal(used.step(frame, rhs), fresh.step(frame, rhs))
        assert used.info.iterations == fresh.info.iterations <= 15


def test_a_band_too_wide_for_shared_memory_is_eliminated_in_memory():
    """Long leaves of 2 x 2 x 32 cells, whose half-bandwidth is 64."""
    shape, spacing = (6, 8, 40), (100.0, 100.0, 1.0)
    rng = np.random.default_rng(0)
    density, rhs = np.where(rng.random(shape) < 0.3, 1000.0, 1.0), rng.standard_normal(shape)
    iterations = []
    for dense in (False, True):
        solver = Solver(shape, spacing=spacing, preconditioner=Schwarz(dense=dense), tolerance=1e-9)
        assert solver.system.bricks.halfwidth == 64
        p = solver.step(density, rhs)
        assert oracle.residual(oracle.assemble(density, spacing), p, rhs) <= 2e-9
        iterations.append(solver.info.iterations)
    assert iterations[0] == iterations[1] <= 15


def test_solids_that_cut_the_fluid_take_the_same_iterations_in_both_forms():
    """Pockets, regions with pins, leaves without fluid."""
    shape = (48, 40)
    rng = np.random.default_rng(3)
    solid = rng.random(shape) < 0.35
    solid[16:32, 8:24] = True
    density, rhs = np.where(rng.random(shape) < 0.3, 100.0, 1.0), rng.standard_normal(shape)
    iterations = []
    for dense in (False, True):
        solver = Solver(shape, preconditioner=Schwarz(dense=dense))
        solver.set_solid(solid)
        p = solver.step(density, rhs)
        assert solver.info.converged and not solver.info.fallback
        assert oracle.residual(oracle.assemble(density, solid=solid), p, rhs, solid) <= 2e-6
        iterations.append(solver.info.iterations)
    assert abs(iterations[0] - iterations[1]) <= 1


@pytest.mark.cpu
@pytest.mark.parametrize(("shape", "most"), [((768, 768), 420), ((96, 96, 96), 500)])
def test_the_default_takes_few_bytes_a_cell_in_the_form_of_a_gpu(shape, most):
    """256x256x256 cells in 8.4 GB: 500 bytes a cell, the fallback included."""
    assert model.counted("multigrid", shape)[0] <= most
