"""A captured frame is the eager frame, bit for bit, however often it is replayed."""

import gc
import mmap
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import warp as wp

from hpsolver import Solver, problems
from hpsolver.capture import capture_pieces
from hpsolver.preconditioners import NAMES, DDAttention, Schwarz

SHAPE = (32, 32)
FRAMES = [problems.frame("panel", SHAPE, seed=s) for s in range(3)]


@pytest.mark.parametrize("preconditioner", ["jacobi", "schwarz", "dd_attention", DDAttention(rank=8)])
def test_replay_equals_eager_and_repeats(preconditioner):
    replayed, eager = (Solver(SHAPE, preconditioner=preconditioner) for _ in range(2))
    for frame in [*FRAMES, FRAMES[0]]:
        eager._frame.graph = None  # the first step runs eagerly, then captures
        assert np.array_equal(replayed.step(*frame), eager.step(*frame))
        assert replayed.info.iterations == eager.info.iterations


def test_solvers_replay_side_by_side_in_threads():
    solvers = [Solver(SHAPE, preconditioner=name) for name in ("jacobi", "schwarz", "schwarz")]
    expected = [solver.step(*frame) for solver, frame in zip(solvers, FRAMES, strict=True)]

    def repeats(k: int) -> bool:
        return all(np.array_equal(solvers[k].step(*FRAMES[k]), expected[k]) for _ in range(100))

    with ThreadPoolExecutor(len(solvers)) as pool:
        assert all(pool.map(repeats, range(len(solvers))))


def test_host_driven_pieces_give_the_same_answer_as_one_graph():
    whole, pieces = (Solver(SHAPE, preconditioner="jacobi") for _ in range(2))
    whole.step(*FRAMES[0]), pieces.step(*FRAMES[0])
    pieces._frame.graph = capture_pieces(pieces._frame.record, pieces.device)
    for frame in FRAMES:
        assert np.array_equal(whole.step(*frame), pieces.step(*frame))
        assert whole.info.iterations == pieces.info.iterations


def test_leaves_that_did_not_change_give_what_a_fresh_solver_gives():
    density, rhs = FRAMES[0]
    moved = density.copy()
    moved[20:24, 3:6] *= 50.0
    forms = [
        Schwarz(),
        Schwarz(dense=True),
        Schwarz(sweep="additive"),
        DDAttention(4),
        DDAttention(overlap=2, dense=True),
    ]
    for form in forms:
        solver = Solver(SHAPE, preconditioner=form)
        for frame in (density, density, moved, density):
            assert np.array_equal(solver.step(frame, rhs), Solver(SHAPE, preconditioner=form).step(frame, rhs))


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * mmap.PAGESIZE if status.exists() else 0


def test_a_thousand_frames_allocate_nothing(monkeypatch):
    solver = Solver(SHAPE)
    out = np.empty(SHAPE)
    for frame in FRAMES:
        solver.step(*frame, out=out)

    def refuse(*args, **kwargs):
        raise AssertionError("allocation inside a frame")

    for name in ("zeros", "empty", "full", "ones"):
        monkeypatch.setattr(wp, name, refuse)
    for k in range(100):
        solver.step(*FRAMES[k % 3], out=out)
    before = resident()
    for k in range(1000):
        solver.step(*FRAMES[k % 3], out=out)
    assert solver.info.converged
    assert resident() - before < 2**20


@pytest.mark.parametrize("name", NAMES)
def test_a_deleted_solver_gives_its_memory_back_at_once(name):
    """Not when the garbage collector comes round: on a GPU that may be too late for the next solver."""
    solver = Solver(SHAPE, preconditioner=name)
    for frame in FRAMES[:2]:
        solver.step(*frame)
    assert solver.info.iterations > 0
    arrays = [weakref.ref(array) for array in (solver.system.conductance, solver._pcg.x, solver.last_pressure)]
    gc.disable()
    try:
        del solver
        assert not any(array() for array in arrays)
    finally:
        gc.enable()
