"""Many worlds: each gets, bit for bit, what it would get alone, whatever becomes of the others."""

import numpy as np
import oracle
import pytest
import torch
import warp as wp
from hpsolver.kernels import state
from many_worlds import SHAPE, W, agree, frames, moving, pair, two_frames

from hpsolver import SolveError, Solver, Status
from hpsolver.preconditioners import NAMES, Schwarz

pytestmark = pytest.mark.cpu


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


def test_one_world_gives_way_to_its_fallback_and_pauses_alone():
    """Multigrid with few iterations is too slow for world 1 (noise), not for world 0 (constant); worlds pause alone."""
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
    out = wp.zeros((W, *SHAPE), dtype=wp.float64)
    assert solver.step(torch.tensor(density), wp.array(rhs, dtype=wp.float64), out=out) is out
    assert np.array_equal(out.numpy(), expected)
    single = solver.step(torch.tensor(density), torch.tensor(rhs, dtype=torch.float32))
    assert single.dtype == torch.float32 and single.shape == (W, *SHAPE)
    assert solver.info[0].output_residual > solver.info[0].residual
    shared = np.broadcast_to(density[0], density.shape)
    assert np.array_equal(solver.step(shared, rhs)[2], Solver(SHAPE).step(density[0], rhs[2]))


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
