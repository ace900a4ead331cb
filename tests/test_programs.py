"""The loop of PCG as one kernel: the bits of the loop of launches, in every preconditioner it is made for.

On a CPU the default is the loop of launches; here solvers are told to take the kernel, with one block of one lane.
Several blocks, and the barriers between them, are run by ``test_fibers``; what a GPU compiles is in
``test_compile_gate_loops``.
"""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
from hpsolver.kernels import programs as writer
from hpsolver.kernels.programs import Launch, Repeat

from hpsolver import Solver, preconditioners, problems, programs
from hpsolver.examples.own_preconditioner import Neumann
from hpsolver.spreading import noted

pytestmark = pytest.mark.cpu

PLANE, BOX = (40, 24), (12, 10, 9)


@pytest.fixture
def one_kernel(monkeypatch):
    """Solvers made from now on take one kernel wherever it can be written."""
    monkeypatch.setattr(programs, "blocks_for", lambda repeat, system, worlds: 1)


def program_of(solver: Solver, fallback: bool = False) -> programs.Program | None:
    """The cycles of PCG as one kernel."""
    pcg, preconditioner = solver._pcg, solver.fallback if fallback else solver.preconditioner
    return pcg._programs.program(preconditioner, "solve", pcg.outer, functools.partial(pcg._cycle, preconditioner))


def iteration_of(solver: Solver) -> list[Launch]:
    return noted(lambda: solver._pcg.iterate(solver.preconditioner))


def frames(shape: tuple[int, ...], worlds: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two frames."""
    found = [[problems.frame("bubbles", shape, seed=s + k, contrast=1e3) for s in range(worlds or 1)] for k in (0, 7)]
    return [tuple(np.stack(part) for part in zip(*frame, strict=True)) if worlds else frame[0] for frame in found]


@pytest.mark.parametrize("shape", [PLANE, BOX], ids=["2D", "3D"])
@pytest.mark.parametrize("name", ["jacobi", "none", "multigrid", "schwarz", "htp"])
def test_one_kernel_gives_the_bits_of_the_loop_of_launches(name, shape, one_kernel, monkeypatch):
    one = Solver(shape, preconditioner=name, device="cpu")
    assert program_of(one) is not None
    found = [(one.step(*frame), one.info) for frame in frames(shape)]
    monkeypatch.undo()
    many = Solver(shape, preconditioner=name, device="cpu")
    assert program_of(many) is None
    for (pressure, info), frame in zip(found, frames(shape), strict=True):
        np.testing.assert_array_equal(pressure, many.step(*frame))
        assert info.iterations == many.info.iterations
        assert info.residual == many.info.residual


@pytest.mark.parametrize("name", ["jacobi", "multigrid", "schwarz", "htp"])
def test_each_of_many_worlds_runs_its_own_loop(name, one_kernel, monkeypatch):
    many = Solver(PLANE, worlds=3, preconditioner=name, device="cpu")
    assert program_of(many) is not None
    monkeypatch.undo()
    alone = Solver(PLANE, preconditioner=name, device="cpu")
    assert program_of(alone) is None
    for density, rhs in frames(PLANE, worlds=3):
        rhs[1] *= 0.0  # this world has nothing to do
        pressures, info = many.step(density, rhs), many.info
        for world in range(3):
            np.testing.assert_array_equal(pressures[world], alone.step(density[world], rhs[world]))
            assert info.iterations[world] == alone.info.iterations


class Negative(preconditioners.Jacobi):
    """M is negative definite: PCG stops at once."""

    fallback = "schwarz"

    def allocate(self) -> None:
        super().allocate()
        self.pointwise.fill_(-1.0)

    def update(self) -> None: ...


def test_the_fallback_runs_in_a_kernel_of_its_own(one_kernel, monkeypatch):
    density, rhs = problems.frame("bubbles", PLANE, seed=3)
    one = Solver(PLANE, preconditioner=Negative(), device="cpu")
    pressure = one.step(density, rhs)
    assert one.info.converged and one.info.fallback
    assert program_of(one).kernel is not program_of(one, fallback=True).kernel
    monkeypatch.undo()
    many = Solver(PLANE, preconditioner=Negative(), device="cpu")
    np.testing.assert_array_equal(pressure, many.step(density, rhs))


def test_equal_loops_share_a_kernel_whatever_the_size_of_the_grid(one_kernel):
    solvers = [Solver(shape, preconditioner="jacobi", device="cpu") for shape in (PLANE, (32, 40))]
    assert len({program_of(solver).kernel for solver in solvers}) == 1


def test_new_masks_bring_new_arrays_into_the_kernel(one_kernel):
    solver = Solver(PLANE, preconditioner="schwarz", device="cpu")
    density, rhs = problems.frame("bubbles", PLANE, seed=0)
    solver.step(density, rhs)
    before = program_of(solver)
    solid = np.zeros(PLANE, bool)
    solid[10:14, 6:20] = True
    solver.set_solid(solid)
    pressure = solver.step(density, rhs)
    assert program_of(solver) is not before
    fresh = Solver(PLANE, preconditioner="schwarz", device="cpu")
    fresh.set_solid(solid)
    np.testing.assert_array_equal(pressure, fresh.step(density, rhs))


def test_other_preconditioners_keep_the_loop_of_launches(one_kernel):
    for name in ("block_jacobi", "dilu", "fsai", "dd_attention", "spai", "htp_paper"):
        assert program_of(Solver(PLANE, preconditioner=name, device="cpu")) is None
    assert program_of(Solver(PLANE, preconditioner=Neumann(), device="cpu")) is None


def test_threads_are_phases_too(one_kernel, monkeypatch):
    class Together(Neumann):
        one_kernel = ("update", "solve")

    density, rhs = problems.frame("bubbles", PLANE, seed=3)
    one = Solver(PLANE, preconditioner=Together(), device="cpu")
    pressure = one.step(density, rhs)
    assert program_of(one) is not None
    monkeypatch.undo()
    np.testing.assert_array_equal(pressure, Solver(PLANE, preconditioner=Neumann(), device="cpu").step(density, rhs))


def test_a_kernel_without_room_on_the_device_gives_way_to_the_loop(one_kernel, monkeypatch):
    monkeypatch.setattr(programs.Program, "fits", lambda self, launched: False)
    for worlds in (None, 2):
        solver = Solver(PLANE, worlds=worlds, preconditioner="jacobi", device="cpu")
        solver.step(*frames(PLANE, worlds)[0])
        assert solver._pcg.parts_in_one_kernel() == [] and np.all(solver.info.converged)


@pytest.mark.parametrize("worlds", [None, 2])
def test_a_kernel_that_cannot_be_compiled_gives_way_to_the_loop(worlds, one_kernel, monkeypatch):
    monkeypatch.setattr(writer, "PLACE", [*writer.PLACE, "nonesuch(_block)"])
    solver = Solver((33, 21), worlds=worlds, preconditioner="jacobi", norm="max", device="cpu")
    solver.step(*frames((33, 21), worlds)[0])
    assert solver._pcg.parts_in_one_kernel() == [] and np.all(solver.info.converged)
    fresh = Solver((33, 21), preconditioner="jacobi", norm="max", device="cpu")  # nothing is left of it
    monkeypatch.undo()
    fresh.step(*frames((33, 21))[0])


@pytest.mark.parametrize("worlds", [None, 1, 2])
def test_on_a_cpu_loops_stay_loops(worlds):
    assert program_of(Solver(PLANE, worlds=worlds, preconditioner="jacobi", device="cpu")) is None


@pytest.mark.parametrize(
    ("worlds", "blocks"),
    [(1, 8), (33, 8), (34, 7), (66, 4), (67, 0)],
    ids=["one", "as many as there is room for", "some blocks work twice", "all do", "more"],
)
def test_on_a_gpu_many_worlds_have_one_kernel_if_there_is_room_for_all(worlds, blocks, monkeypatch):
    solver = Solver((128, 64), preconditioner="jacobi", device="cpu")
    inner = Repeat(solver._pcg.inner, [Launch(launch.kernel, 8, launch.inputs) for launch in iteration_of(solver)])
    repeat = Repeat(solver._pcg.outer, [inner])
    monkeypatch.setattr(programs, "most_blocks", lambda device: 16)
    gpu = SimpleNamespace(device=SimpleNamespace(is_cuda=True, sm_count=132), size=8192)
    assert programs.blocks_for(repeat, gpu, worlds) == blocks


@pytest.mark.parametrize(
    ("most", "cells", "blocks"),
    [
        *[(16, 1, 1), (16, 1024, 1), (16, 1025, 2), (16, 8192, 8), (16, 32768, 16), (16, 32769, 0)],
        *[(8, 8193, 8), (8, 32768, 8), (1, 1024, 1), (1, 1025, 0)],
    ],
)
def test_a_block_has_four_cells_a_lane_until_the_cluster_is_full(most, cells, blocks, monkeypatch):
    monkeypatch.setattr(programs, "most_blocks", lambda device: most)
    assert programs.fitting_blocks(cells, None) == blocks


def test_an_iteration_waits_for_one_round_of_blocks_and_no_more():
    solver = Solver((64, 64), preconditioner=preconditioners.Schwarz(dense=True), device="cpu")
    iteration = iteration_of(solver)
    leaves_of_a_color = solver.system.leaves // 2
    assert max(launch.items for launch in iteration) == leaves_of_a_color == 32
    inner = Repeat(solver._pcg.inner, iteration)
    assert programs.pays(inner, 2)  # as the outermost loop
    assert not programs.pays(inner, 1)
    assert programs.pays(Repeat(solver._pcg.outer, [inner]), 32)
    assert not programs.pays(Repeat(solver._pcg.outer, [inner]), 31)
