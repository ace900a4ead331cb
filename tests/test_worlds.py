"""Many worlds: each gets, bit for bit, what it would get alone, whatever becomes of the others."""

import gc

import numpy as np
import oracle
import pytest
import torch
import warp as wp
from hpsolver.kernels import building, state
from hpsolver.kernels import worlds as over
from hpsolver.kernels.krylov import krylov

from hpsolver import SolveError, Solver, Status, problems, spans
from hpsolver.examples.own_preconditioner import Neumann
from hpsolver.preconditioners import NAMES, Schwarz
from hpsolver.worlds import Worlds

SHAPE, W = (20, 26), 5
FAMILIES = ("bubbles", "noise", "panel", "film", "bubbles")


def frames(shape=SHAPE, count=W, seed=0):
    """Density and right-hand side [worlds, *shape]; that of the last world is zero."""
    parts = [problems.frame(FAMILIES[s % 5], shape, seed=seed + s) for s in range(count)]
    density, rhs = (np.stack(part) for part in zip(*parts, strict=True))
    rhs[-1] = 0.0
    return density, rhs


def agree(many: Solver, alone: list[Solver], inputs: list[dict]) -> None:
    """Steps of ``many``, and of each world's own solver."""
    for given in inputs:
        pressure = many.step(**given)
        info = many.info
        for w, solver in enumerate(alone):
            mine = {name: cut(value, w) for name, value in given.items()}
            expected = solver.step(**mine)
            assert np.array_equal(np.asarray(pressure[w]), np.asarray(expected), equal_nan=True)
            assert info.status[w] == solver.info.status
            assert info.iterations[w] == solver.info.iterations
            assert np.array_equal(info.residual[w], solver.info.residual, equal_nan=True)
            assert info.fallback[w] == solver.info.fallback


def cut(value, world: int):
    return tuple(part[world] for part in value) if isinstance(value, tuple) else value[world]


def pair(shape=SHAPE, worlds=W, **options) -> tuple[Solver, list[Solver]]:
    return Solver(shape, worlds=worlds, **options), [Solver(shape, **options) for _ in range(worlds)]


def two_frames(shape=SHAPE, worlds=W) -> list[dict]:
    return [dict(zip(("density", "rhs"), frames(shape, worlds, seed), strict=True)) for seed in (0, 7)]


@pytest.mark.parametrize("name", NAMES)
def test_every_preconditioner_gives_each_world_the_bits_it_gets_alone(name):
    agree(*pair(preconditioner=name), two_frames())


OPTIONS = {
    "single precision": {"precision": "float32"},
    "double, warm": {"precision": "float64", "warm_start": True},
    "largest entry": {"norm": "max", "absolute_tolerance": 1e-7, "tolerance": 0.0},
    "sides": {"boundary": (("open", "wall"), "periodic"), "spacing": (1.0, 0.5), "face_average": "arithmetic"},
    "8 of 16": {"preconditioner": Schwarz(coarse_size=8, candidates=16)},
    "no iteration": {"preconditioner": "multigrid", "max_iterations": 0},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options_of_a_solver_are_those_of_every_world(options):
    agree(*pair(**options), two_frames())


def test_three_dimensions():
    shape = (10, 9, 12)
    for name in ("multigrid", "schwarz"):
        agree(*pair(shape, 3, preconditioner=name), two_frames(shape, 3))


def test_a_bad_world_is_reported_and_harms_no_other():
    density, rhs = frames()
    density[1, 3, 4] = np.nan
    rhs[2, 0, 0] = np.inf
    many, alone = pair()
    agree(many, alone, [{"density": density, "rhs": rhs}, *two_frames(), {"density": density, "rhs": rhs}])
    info = many.info
    assert [Status(s) for s in info.status[:3]] == [Status.CONVERGED, Status.BAD_DENSITY, Status.NONFINITE_RHS]
    assert repr(info).startswith("WorldsInfo(3 of 5 worlds converged, iterations up to ")
    assert info[1].first_bad_cell == (3, 4) and info[1].bad_cells == 1
    assert info[-1].residual == 0.0 and len(info) == W
    with pytest.raises(SolveError, match=r"2 of 5 worlds did not converge: 1, 2\. World 1: bad_density.*\(3, 4\)"):
        info.raise_for_status()
    with pytest.raises(IndexError, match="world 5 of 5"):
        info[5]
    many.step(*frames())
    many.info.raise_for_status()
    with pytest.raises(RuntimeError, match="went with a later step"):
        info[0]


def test_densities_are_clamped_in_each_world():
    density, rhs = frames()
    density[1, 3, 4], density[3, 0, 0] = np.nan, -1.0
    many, alone = pair(on_bad_density="clamp")
    agree(many, alone, [{"density": density, "rhs": rhs}])
    assert many.info[1].bad_cells == alone[1].info.bad_cells == 1


def test_permuted_worlds_give_permuted_bits():
    density, rhs = frames()
    order = np.random.default_rng(0).permutation(W)
    one, other = Solver(SHAPE, worlds=W), Solver(SHAPE, worlds=W)
    for _ in range(2):
        assert np.array_equal(one.step(density, rhs)[order], other.step(density[order], rhs[order]))


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


def test_one_world_gives_way_to_its_fallback_and_pauses_alone():
    """Multigrid that may take few iterations is too slow for noise, not for calm water; the pause is each world's."""
    density, rhs = frames()
    density[0] = 1.0
    options = {"preconditioner": "multigrid", "max_iterations": 400, "tolerance": 1e-12, "precision": "float64"}
    rng = np.random.default_rng(1)
    density[1] = 10.0 ** rng.uniform(-6, 6, SHAPE)
    many, alone = pair(**options)
    for solver in (many, *alone):
        counter = solver._pcg.counter.numpy()
        counter[state.FIRST_LIMIT] = 25
        solver._pcg.counter.assign(counter)
    agree(many, alone, [{"density": density, "rhs": rhs}, *two_frames(), {"density": density, "rhs": rhs}])
    assert many.info.fallback[1] and not many.info.fallback[0]


def moving(shape=SHAPE, worlds=W, seed=0, surface=False):
    rng = np.random.default_rng(seed)
    density, rhs = frames(shape, worlds, seed)
    given = {"density": density, "rhs": rhs, "solid": rng.random((worlds, *shape)) < 0.2}
    if surface:
        given["surface"] = rng.random((worlds, *shape)) - 0.7
    else:
        given["air"] = rng.random((worlds, *shape)) < 0.1
    return given


@pytest.mark.parametrize("name", ["schwarz", "multigrid", "htp"])
def test_masks_and_surfaces_are_each_worlds_own(name):
    agree(*pair(preconditioner=name), [moving(seed=0), moving(seed=1, surface=True), two_frames()[0], moving(seed=2)])


def test_shares_and_coefficients_of_faces_are_each_worlds_own():
    rng = np.random.default_rng(0)
    density, rhs = frames()
    shares = tuple(rng.random((W, *(n + (a == b) for b, n in enumerate(SHAPE)))) for a in range(2))
    plain = {"density": density, "rhs": rhs}
    agree(*pair(boundary=("periodic", "wall")), [{**plain, "fraction": shares}, plain])
    agree(*pair(coefficients="faces"), [{"density": shares, "rhs": rhs}])


def test_solids_that_rest_are_those_of_all_worlds():
    solid = np.random.default_rng(3).random(SHAPE) < 0.25
    many, alone = pair(warm_start=True)
    agree(many, alone, two_frames())
    for solver in (many, *alone):
        solver.set_solid(solid)
    agree(many, alone, two_frames())
    agree(many, alone, [moving()])
    for solver in (many, *alone):
        solver.set_solid(~solid)
    agree(many, alone, [moving(), *two_frames()])


def test_a_world_is_solved_as_a_direct_solver_does():
    density, rhs = frames()
    solver = Solver(SHAPE, worlds=W, tolerance=1e-12, boundary=("open", "wall"))
    pressure = solver.step(density, rhs)
    for w in (0, 3):
        A = oracle.assemble(density[w], boundary=("open", "wall"))
        assert abs(A - solver.matrix(w)).max() <= 1e-12 * abs(A).max()
        expected, _ = oracle.solve(A, rhs[w], np.zeros(SHAPE, bool))
        assert abs(pressure[w] - expected).max() <= 1e-9 * abs(expected).max()


def test_arrays_of_all_kinds_and_strides():
    density, rhs = frames()
    expected = Solver(SHAPE, worlds=W).step(density, rhs)
    solver = Solver(SHAPE, worlds=W)
    turned = np.ascontiguousarray(density[::-1].swapaxes(1, 2)).swapaxes(1, 2)[::-1]
    assert np.array_equal(solver.step(turned, rhs), expected)
    out = wp.zeros((W, *SHAPE), dtype=wp.float64, device="cpu")
    assert solver.step(torch.tensor(density), wp.array(rhs, dtype=wp.float64, device="cpu"), out=out) is out
    assert np.array_equal(out.numpy(), expected)
    single = solver.step(torch.tensor(density), torch.tensor(rhs, dtype=torch.float32))
    assert single.dtype == torch.float32 and single.shape == (W, *SHAPE)
    assert solver.info[0].output_residual > solver.info[0].residual
    shared = np.broadcast_to(density[0], density.shape)
    assert np.array_equal(solver.step(shared, rhs)[2], Solver(SHAPE).step(density[0], rhs[2]))


def test_a_callers_graph_replays_all_worlds():
    density, rhs = (wp.array(part, dtype=wp.float64, device="cpu") for part in frames())
    out = wp.zeros((W, *SHAPE), dtype=wp.float64, device="cpu")
    solver = Solver(SHAPE, worlds=W)
    solver.step(density, rhs, out=out)
    with wp.ScopedCapture(device="cpu") as capture:
        solver.step(density, rhs, out=out)
    later = frames(seed=7)
    density.assign(later[0]), rhs.assign(later[1])
    wp.capture_launch(capture.graph)
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
    with pytest.raises(ValueError, match=r"kernel doubled: for many worlds write a line 'i = wp\.tid"):
        over.over_worlds(doubled)
    with pytest.raises(ValueError, match=r"threads of many worlds: a number, or three .* got \(2, 2\)"):
        Worlds(2, 4, wp.get_device("cpu")).launch_threads(unrelated, (2, 2), [])


def test_a_recorded_frame_outlives_what_it_was_recorded_with():
    """A caller's graph goes on after ``set_solid``, with the fluid that it was recorded with."""
    density, rhs = (wp.array(part, dtype=wp.float64, device="cpu") for part in frames())
    out = wp.zeros((W, *SHAPE), dtype=wp.float64, device="cpu")
    solver = Solver(SHAPE, worlds=W)
    solver.step(density, rhs, out=out)
    with wp.ScopedCapture(device="cpu") as capture:
        solver.step(density, rhs, out=out)
    expected = out.numpy().copy()
    solver.set_solid(np.random.default_rng(3).random(SHAPE) < 0.25)
    solver.step(density, rhs)
    gc.collect()
    filler = [wp.full(1000, 7.0, dtype=wp.float64, device="cpu") for _ in range(100)]
    out.zero_()
    wp.capture_launch(capture.graph)
    assert np.array_equal(out.numpy(), expected) and len(filler) == 100


class Foreign(Schwarz):
    name = "foreign"
    spreads = False


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Solver(SHAPE, worlds=0), ValueError, r"worlds must be None or an integer in \[1, 2\*\*20\], got 0"),
        (lambda: Solver(SHAPE, worlds=True), ValueError, "worlds must be None or an integer"),
        (
            lambda: Solver(SHAPE, worlds=2).step(*frames()),
            ValueError,
            r"density: shape must be \(2, 20, 26\), got \(5,",
        ),
        (
            lambda: Solver(SHAPE, worlds=W).step(*frames(), out=np.zeros(SHAPE)),
            ValueError,
            r"out: shape must be \(5, 20",
        ),
        (
            lambda: Solver(SHAPE, worlds=2, preconditioner=Foreign()),
            ValueError,
            "'foreign' is not known to work in many",
        ),
    ],
)
def test_what_cannot_be_says_so(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_world_that_has_converged_does_nothing_more():
    """In an inactive world a kernel over many worlds writes nothing."""
    kernel = krylov(building.Shape(2, (1, 8, 8)), wp.float64).scale
    shape = (3, 64)
    r, weight = (wp.ones(shape, dtype=wp.float64, device="cpu") for _ in range(2))
    z, rz = wp.zeros(shape, dtype=wp.float64, device="cpu"), wp.zeros((3, 1), dtype=wp.float64, device="cpu")
    first, active = (wp.array(values, dtype=wp.int32, device="cpu") for values in ([0], [1, 0, 1]))
    wp.launch_tiled(
        over.over_worlds(kernel),
        dim=[3],
        inputs=[first, active, 1, 1, 1, weight, r, z, rz],
        block_dim=256,
        device="cpu",
    )
    assert z.numpy()[[0, 2]].all() and not z.numpy()[1].any()
    assert rz.numpy().ravel().tolist() == [64.0, 0.0, 64.0]
