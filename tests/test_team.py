"""Threads of a CPU that carry out a frame together: the bits of one thread, whichever of them is faster."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracle
import pytest
import torch
import warp as wp
from hpsolver.kernels import connectivity, mending
from hpsolver.kernels import team as kernels
from hpsolver.kernels.building import BUILT, Shape, block_kernel, body
from hpsolver.kernels.rewriting import kernel_name

from hpsolver import Projection, Solver, Status, distributed, problems
from hpsolver.examples.own_preconditioner import Neumann
from hpsolver.preconditioners import NAMES, Multigrid
from hpsolver.team import ALONE, Team

pytestmark = pytest.mark.cpu

FRAMES = 4
"""Frames that threads do after the first, which one thread does."""


def frames_agree(solver: Solver, *frame: object, **moving: object) -> np.ndarray:
    """The pressure of a frame that one thread solves, once threads have given the same bits a few times."""
    first, info = np.array(solver.step(*frame, **moving)), solver.info
    for _ in range(FRAMES):
        again = solver.step(*frame, **moving)
        assert np.array_equal(first, again)
        assert (solver.info.iterations, solver.info.residual) == (info.iterations, info.residual)
    return first


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("htp_paper", "none")])
def test_threads_give_the_bits_of_one_and_scipys_answer(name, threads):
    shape = (44, 40)
    density, rhs = problems.frame("bubbles", shape, seed=3, contrast=1000)
    solver = Solver(shape, preconditioner=name, threads=threads, max_iterations=3000)
    p = frames_agree(solver, density, rhs)
    assert solver.info.converged and not solver.info.fallback
    assert oracle.residual(oracle.assemble(density), p, rhs) <= 1.01e-6


@pytest.mark.parametrize("name", ["auto", "multigrid", "schwarz", "htp"])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((150, 130), {}),
        ((150, 130), {"boundary": ("periodic", ("wall", "open")), "precision": "float32", "tolerance": 1e-4}),
        ((20, 24, 18), {}),
        ((21, 17, 19), {"boundary": ("periodic", "wall", "periodic"), "precision": "float64", "norm": "max"}),
        ((90, 80), {"spacing": (1.0, 12.0)}),
        ((60, 60), {"spacing": (np.geomspace(1, 20, 60), 1.0)}),
        ((16, 20, 12), {"spacing": (1.0, 5.0, 5.0), "warm_start": False}),
    ],
    ids=["2D", "2D periodic", "3D", "3D periodic", "flat", "stretched", "3D flat"],
)
def test_on_grids_of_all_kinds(shape, options, name):
    density, rhs = problems.frame("film", shape, seed=5, contrast=100)
    solver = Solver(shape, preconditioner=name, threads=3, **options)
    solver.set_solid(np.random.default_rng(0).random(shape) < 0.1)
    frames_agree(solver, density, rhs)
    assert solver.info.converged


@pytest.mark.parametrize("shape", [(60, 50), (14, 16, 12)], ids=["2D", "3D"])
@pytest.mark.parametrize("name", ["multigrid", "schwarz"])
def test_with_solids_and_surfaces_that_move(name, shape):
    rng = np.random.default_rng(1)
    density, rhs = problems.frame("bubbles", shape, seed=1, contrast=10)
    place = np.indices(shape) - np.array(shape).reshape(-1, *[1] * len(shape)) / 2
    ball, surface = (place**2).sum(axis=0) < 16, place[0] - 0.3 * shape[0] + np.sin(place[1])
    fraction = [rng.random([n + (a == b) for b, n in enumerate(shape)]) for a in range(len(shape))]
    solver = Solver(shape, preconditioner=name, threads=3)
    frames_agree(solver, density, rhs, solid=ball, surface=surface, fraction=fraction)
    frames_agree(solver, density, rhs, solid=ball | (place[0] == 5))  # two regions, each of them singular
    assert solver.info.converged and not solver.info.fallback


def test_bad_densities_are_mended_and_reported():
    shape = (50, 50)
    density, rhs = problems.frame("bubbles", shape, seed=0)
    density[10:12, 7] = -1.0
    solver = Solver(shape, threads=3, on_bad_density="clamp")
    frames_agree(solver, density, rhs)
    assert solver.info.converged and solver.info.bad_cells == 2
    refusing = Solver(shape, threads=3)
    for _ in range(3):
        refusing.step(density, rhs)
        assert refusing.info.status is Status.BAD_DENSITY and refusing.info.bad_cells == 2


def test_a_frame_that_needs_its_fallback_goes_on_with_it():
    shape = (64, 64)
    easy, (density, rhs) = problems.frame("panel", shape, seed=0), problems.frame("film", shape, seed=0, contrast=1e5)
    alone, together = (Solver(shape, preconditioner=Multigrid(), threads=3, tolerance=1e-10) for _ in range(2))
    first = alone.step(density, rhs)  # by one thread
    together.step(*easy)
    for _ in range(2):
        assert np.array_equal(together.step(density, rhs), first)
        assert together.info.converged and together.info.fallback
        together._let_it_begin()
    assert oracle.residual(oracle.assemble(density), first, rhs) <= 2e-10


def test_the_callers_graph_takes_the_same_frame():
    shape = (48, 40)
    density, rhs = (wp.array(part, device="cpu") for part in problems.frame("bubbles", shape, seed=2))
    solver, out = Solver(shape, threads=3, device="cpu"), wp.zeros(shape, dtype=wp.float64, device="cpu")
    expected = solver.step(density, rhs).numpy()
    with wp.ScopedCapture(device="cpu") as capture:
        solver.step(density, rhs, out=out)
    wp.capture_launch(capture.graph)
    assert np.array_equal(out.numpy(), expected)
    assert np.array_equal(solver.step(density, rhs).numpy(), expected)


def test_gradients_and_projections_are_those_of_one_thread():
    shape = (40, 36)
    density, rhs = (torch.tensor(part) for part in problems.frame("bubbles", shape, seed=4))
    gradients, faces = [], []
    for threads in (1, 3):
        solver = Solver(shape, threads=threads, tolerance=1e-10)
        for _ in range(3):  # the second backward pass is the first that threads share
            one, other = density.clone().requires_grad_(), rhs.clone().requires_grad_()
            (solver.step(one, other) ** 2).sum().backward()
        gradients.append((one.grad, other.grad))
        rng = np.random.default_rng(0)
        u, v = rng.standard_normal((41, 36)), rng.standard_normal((40, 37))
        for _ in range(2):
            after = Projection(solver).project((u.copy(), v.copy()), density.numpy())
        faces.append(np.concatenate([part.ravel() for part in after]))
    for mine, theirs in zip(*gradients, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-8, atol=1e-8 * float(mine.abs().max()))
    assert np.allclose(*faces, rtol=0, atol=1e-9)


def test_solvers_in_threads_of_their_own_do_not_wait_for_each_other():
    shape = (40, 40)
    frame = problems.frame("bubbles", shape, seed=0)
    solvers = [Solver(shape, threads=4) for _ in range(3)]
    expected = [solver.step(*frame) for solver in solvers]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda solver: [solver.step(*frame) for _ in range(20)], solvers))
    for mine, first in zip(found, expected, strict=True):
        assert all(np.array_equal(p, first) for p in mine)


LATE = """
volatile int wait = 0;
for (int k = 0; k < 5000 * (slot == round % 3); ++k) wait = wait + 1;
for (int other = 0; other < 3; ++other) if (seen.data[16 * other] != round) wrong.data[slot] += 1;
"""
"""Looks at what all wrote; one of three threads, another one in each round, takes its time."""


def test_nobody_leaves_a_meeting_before_all_have_come():
    I32 = wp.array(dtype=wp.int32)
    arguments = {"round": wp.int32, "seen": I32, "wrong": I32}
    look = block_kernel("hpsolver.test_team", "look", body() + LATE, **arguments)
    put = block_kernel("hpsolver.test_team", "put", body() + "seen.data[16 * slot] = round;", **arguments)
    seen, wrong = (wp.zeros(48, dtype=wp.int32, device="cpu") for _ in range(2))
    team = Team(3, wp.get_device("cpu"))
    for kernel in (look, put, kernels.meet):
        wp.load_module(kernel.module, device="cpu")

    def rounds(_loop: object) -> None:
        for number in range(1, 200):
            team.launch(put, 3, [number, seen, wrong])
            team.launch(look, 3, [number, seen, wrong])

    team.compile(lambda: rounds(None))
    replay = team.capture(rounds)
    for _ in range(5):
        replay()
    assert seen.numpy()[::16].tolist() == [199] * 3
    assert not wrong.numpy().any()


def test_kernels_whose_blocks_change_the_same_numbers_are_for_one_thread():
    shape = Shape(2, (1, 8, 8))
    connectivity.connectivity(shape), connectivity.means(shape)
    change = [kernel for kernel, text in BUILT.values() if "// ======== native/connectivity/atomics.h" in text]
    assert {kernel_name(kernel) for kernel in [*change, mending.mend]} == set(ALONE)


def test_a_deleted_solver_gives_its_memory_back():
    solver = Solver((32, 32), threads=2)
    for _ in range(2):
        solver.step(*problems.frame("bubbles", (32, 32), seed=0))
    system = weakref.ref(solver.system)
    gc.disable()
    try:
        del solver
        assert system() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("threads", [0, -1, 65, True, 1.5, "2"])
def test_a_bad_number_of_threads_is_refused(threads):
    with pytest.raises(ValueError, match=r"threads must be an integer in \[1, 64\], got"):
        Solver((8, 8), threads=threads)


def test_threads_are_for_one_grid_of_one_process_and_for_our_launches():
    with pytest.raises(ValueError, match="must be 1 with worlds, got 2"):
        Solver((8, 8), threads=2, worlds=3)
    with pytest.raises(ValueError, match="each rank has one, got threads=2"):
        distributed.Solver((16, 16), threads=2)
    own = Neumann()
    own.spreads = False
    with pytest.raises(ValueError, match="many worlds or threads"):
        Solver((16, 16), preconditioner=own, threads=2)
