"""Many worlds in one launch: grouping and threads, callers' graphs, the caller's own kernels, converged worlds."""

import gc

import numpy as np
import pytest
import warp as wp
from hpsolver.kernels import building
from hpsolver.kernels import worlds as over
from hpsolver.kernels.krylov import krylov
from many_worlds import SHAPE, W, agree, frames, moving, pair, two_frames

from hpsolver import Solver, spans
from hpsolver.examples.own_preconditioner import Neumann
from hpsolver.worlds import Worlds


@pytest.mark.parametrize(("together", "threads"), [(1, 1), (2, 1), (2, 2), (1, 3), (5, 1)])
def test_how_many_go_together_and_in_how_many_threads_changes_no_bit(together, threads, monkeypatch):
    density, rhs = frames()
    expected = Solver(SHAPE, worlds=W).step(density, rhs)
    init = Worlds.__init__
    monkeypatch.setattr(spans, "thread_count", lambda: threads)
    monkeypatch.setattr(Worlds, "__init__", lambda self, *arguments: init(self, *arguments[:3], together))
    solver = Solver(SHAPE, worlds=W)
    for _ in range(3):
        assert np.array_equal(solver.step(density, rhs), expected)
        assert solver.info.converged.all()
        assert 0.0 < solver.info.timings["solve"] < solver.info.timings["total"]


def test_threads_are_as_many_as_the_process_is_given(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert spans.thread_count() == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert spans.thread_count() >= 1


def counted(function, calls: list):
    def call(*arguments, **options):
        calls.append(function)
        return function(*arguments, **options)

    return call


def test_a_frame_takes_as_many_launches_for_many_worlds_as_for_few(monkeypatch):
    counts = []
    for count in (8, 64):
        solver = Solver((8, 8), worlds=count)
        solver.step(*frames((8, 8), count))
        launched = []
        with monkeypatch.context() as patch:
            for name in ("launch", "launch_tiled", "copy"):
                patch.setattr(wp, name, counted(getattr(wp, name), launched))
            solver._frame.capture()
        counts.append(len(launched))
    assert counts[0] == counts[1]


def recorded():
    """A solver, a frame's arrays, and a graph of the caller's that holds its step; ``out`` has its pressure."""
    density, rhs = (wp.array(part, dtype=wp.float64) for part in frames())
    out = wp.zeros((W, *SHAPE), dtype=wp.float64)
    solver = Solver(SHAPE, worlds=W)
    solver.step(density, rhs, out=out)
    with wp.ScopedCapture() as capture:
        solver.step(density, rhs, out=out)
    return solver, density, rhs, out, capture.graph


def test_a_callers_graph_replays_all_worlds():
    solver, density, rhs, out, graph = recorded()
    later = frames(seed=7)
    density.assign(later[0]), rhs.assign(later[1])
    wp.capture_launch(graph)
    assert np.array_equal(out.numpy(), Solver(SHAPE, worlds=W).step(*later))
    assert solver.info.converged.all()


def test_tables_that_worlds_share_are_never_written(monkeypatch):
    tables, mark = [], building.table
    for module in ("system", "moving", "preconditioners.prediction", "preconditioners.spai"):
        monkeypatch.setattr(f"hpsolver.{module}.table", lambda array: (tables.append(array), mark(array))[1])
    for name in ("htp", "spai", "multigrid"):
        solver = Solver(SHAPE, worlds=2, preconditioner=name)
        before = [table.numpy().copy() for table in tables]
        solver.step(**moving(worlds=2))
        solver.step(**moving(worlds=2, seed=1))
        assert all(np.array_equal(was, table.numpy()) for was, table in zip(before, tables, strict=False))
    assert len(tables) > 20


@wp.kernel(enable_backward=False)
def doubled(source: wp.array[wp.float64], target: wp.array[wp.float64]):
    target[wp.tid()] = wp.float64(2.0) * source[wp.tid()]


@wp.kernel(enable_backward=False)
def unrelated(source: wp.array2d[wp.float64]):
    i, j = wp.tid()
    source[i, j] = wp.float64(0.0)


def test_a_preconditioner_of_ones_own_works_in_many_worlds():
    agree(*pair(preconditioner=Neumann(0.8)), two_frames())


def test_kernels_that_cannot_be_carried_over_say_so():
    with pytest.raises(ValueError, match=r"kernel doubled: to be written once more it needs a line 'i = wp\.tid"):
        over.over_worlds(doubled)
    with pytest.raises(ValueError, match=r"threads of many worlds: a number, or three .* got \(2, 2\)"):
        Worlds(2, 4, wp.get_device()).launch_threads(unrelated, (2, 2), [])


def test_a_recorded_frame_outlives_what_it_was_recorded_with():
    """A caller's graph goes on after ``set_solid``, with the fluid that it was recorded with."""
    solver, density, rhs, out, graph = recorded()
    expected = out.numpy().copy()
    solver.set_solid(np.random.default_rng(3).random(SHAPE) < 0.25)
    solver.step(density, rhs)
    gc.collect()
    filler = [wp.full(1000, 7.0, dtype=wp.float64) for _ in range(100)]
    out.zero_()
    wp.capture_launch(graph)
    assert np.array_equal(out.numpy(), expected) and len(filler) == 100


def test_a_world_that_has_converged_does_nothing_more():
    """In an inactive world a kernel over many worlds writes nothing."""
    kernel = krylov(building.Shape(2, (1, 8, 8)), wp.float64).scale
    shape = (3, 64)
    r, weight = (wp.ones(shape, dtype=wp.float64) for _ in range(2))
    z, rz = wp.zeros(shape, dtype=wp.float64), wp.zeros((3, 1), dtype=wp.float64)
    first, active = (wp.array(values, dtype=wp.int32) for values in ([0], [1, 0, 1]))
    wp.launch_tiled(
        over.over_worlds(kernel),
        dim=[3],
        inputs=[first, active, 1, 1, 1, weight, r, z, rz],
        block_dim=256,
        device="cpu",
    )
    assert z.numpy()[[0, 2]].all() and not z.numpy()[1].any()
    assert rz.numpy().ravel().tolist() == [64.0, 0.0, 64.0]
