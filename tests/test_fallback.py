"""A preconditioner that fails is replaced within the frame, and only then."""

import itertools

import numpy as np
import pytest
import warp as wp
from hpsolver.kernels import coarse
from hpsolver.kernels.building import launch
from hpsolver.kernels.krylov import krylov

from hpsolver import SolveError, Solver, Status, problems
from hpsolver.capture import capture_pieces
from hpsolver.preconditioners import NAMES, Jacobi, Preconditioner, Schwarz

SHAPE = (32, 24)
FRAMES = [problems.frame("panel", SHAPE, seed=s) for s in (1, 2)]
EXPECTED = [Solver(SHAPE, tolerance=1e-10).step(*frame) for frame in FRAMES]


class Broken(Preconditioner):
    """z = weight * r, any weight [N]; or z = weight whatever r is (``deaf``)."""

    name = "broken"
    launches = 1

    def __init__(self, weight: float | np.ndarray, deaf: bool = False, fallback: str | None = "schwarz"):
        self.fill, self.deaf, self.fallback = weight, deaf, fallback

    def allocate(self) -> None:
        system = self.system
        self.kernels = krylov(system.shape, system.krylov_type)
        self.weight = wp.array(np.broadcast_to(self.fill, system.size), dtype=system.krylov_type)

    def update(self) -> None:
        pass

    def apply(self, r, z, rz) -> None:
        system = self.system
        if self.deaf:
            wp.copy(z, self.weight)
            launch(self.kernels.dot, system.slots, [system.slots, system.leaves, r, z, rz], system.device)
        else:
            inputs = [system.slots, system.leaves, self.weight, r, z, rz]
            launch(self.kernels.scale, system.slots, inputs, system.device)


SIZE = Solver(SHAPE).system.size
NOISE = np.random.default_rng(0).standard_normal(SIZE)
INJECTED = {
    "negative": Broken(-1.0),
    "zero": Broken(0.0),
    "nan": Broken(np.nan),
    "one nan": Broken(np.where(np.arange(SIZE) == 5, np.nan, 1.0)),
    "infinite": Broken(np.inf),
    "indefinite": Broken(NOISE),
    "singular": Broken((NOISE > 0).astype(float)),
    "constant": Broken(1.0, deaf=True),
    "noise": Broken(NOISE, deaf=True),
}


@pytest.mark.parametrize("fallback", ["schwarz", "jacobi"])
@pytest.mark.parametrize("fault", INJECTED)
def test_fallback_takes_over_from_a_broken_preconditioner(fault, fallback):
    broken = INJECTED[fault]
    solver = Solver(SHAPE, preconditioner=Broken(broken.fill, broken.deaf, fallback), max_iterations=2000)
    for frame, expected in zip([*FRAMES, FRAMES[0]], [*EXPECTED, EXPECTED[0]], strict=True):
        p = solver.step(*frame)
        assert solver.info.converged and solver.info.fallback
        assert solver.info.preconditioner == fallback
        assert abs(p - expected).max() <= 1e-4 * abs(expected).max()


@pytest.mark.parametrize("precision", ["mixed", "float32"])
@pytest.mark.parametrize("deaf", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_residual_that_stands_still_leaves_the_fallback_its_iterations(seed, deaf, precision):
    # Deaf: after one step r.z is zero up to rounding, which may keep it positive for ever. Blind to half of the cells:
    # r.z > 0 always, while the residual of these cells stays. Neither is a breakdown, so a frame must not wait for one.
    weight = np.random.default_rng(seed).random(SIZE)
    broken = Broken(weight, deaf=True) if deaf else Broken((weight > 0.5).astype(float))
    solver = Solver(SHAPE, preconditioner=broken, precision=precision)
    for frame in FRAMES:
        solver.step(*frame)
        assert solver.info.converged and solver.info.fallback


def beyond_rounding(contrast: float, preconditioner: str, seed: int = 0) -> Solver:
    """A frame of a light pocket in a heavy ring: rounding its high pressure alone leaves more than the tolerance."""
    distance = np.linalg.norm(np.indices((96, 96)) - 47.5, axis=0)
    density = np.where((20 < distance) & (distance < 24), contrast, 1.0)
    solver = Solver(density.shape, preconditioner=preconditioner)
    solver.step(density, np.random.default_rng(seed).standard_normal(density.shape))
    assert "double precision itself" in solver.info.hints[0]
    return solver


@pytest.mark.parametrize(
    ("preconditioner", "contrast"),
    [*itertools.product(["schwarz", "htp", "auto"], [1e11, 1e12, 1e13]), ("schwarz", 1e16), ("auto", 1e16)],
)
def test_frames_that_rounding_limits_end_soon_and_say_so(contrast, preconditioner):
    solver = beyond_rounding(contrast, preconditioner)
    assert solver.info.status is Status.STAGNATED
    assert solver.info.iterations <= (60 if preconditioner == "auto" else 110)
    assert solver.info.preconditioner != "jacobi"


def test_multigrid_whose_patience_ends_where_rounding_does_not_ask_for_more_iterations():
    """All its 40 iterations went by near what rounding leaves, so neither the fallback nor more of them would help."""
    solver = beyond_rounding(1e15, "auto", seed=1)
    assert solver.info.status is Status.STAGNATED and not solver.info.fallback
    assert solver.info.iterations == solver.preconditioner.patience.iterations < solver.max_iterations


def test_a_frame_of_which_no_digit_is_left_is_not_called_converged():
    """At 1e16:1 rounding may break ``htp`` in its first iterations, and then ``jacobi`` uses up the rest."""
    assert beyond_rounding(1e16, "htp").info.status in (Status.STAGNATED, Status.MAX_ITERATIONS)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("negative", Status.BREAKDOWN_PRECONDITIONER),
        ("zero", Status.BREAKDOWN_PRECONDITIONER),
        ("nan", Status.NONFINITE_STATE),
        ("one nan", Status.NONFINITE_STATE),
        ("infinite", Status.NONFINITE_STATE),
    ],
)
def test_without_a_fallback_the_failure_is_reported(fault, status):
    solver = Solver(SHAPE, preconditioner=Broken(INJECTED[fault].fill, fallback=None))
    assert not solver.step(*FRAMES[0]).any()
    assert solver.info.status is status and solver.info.residual == pytest.approx(1.0)
    with pytest.raises(SolveError, match=str(status)):
        solver.info.raise_for_status()


def test_operator_that_is_not_positive_is_reported():
    solver = Solver(SHAPE, preconditioner="none")
    solver.system._scale = [-scale for scale in solver.system._scale]  # -A
    assert not solver.step(*FRAMES[0]).any()
    assert solver.info.status is Status.BREAKDOWN_OPERATOR


def test_fallback_is_updated_in_frames_that_need_it_alone():
    solver = Solver(SHAPE, preconditioner=Broken(1.0, fallback="jacobi"))
    solver.step(*FRAMES[0])
    held = solver.fallback.pointwise.numpy().copy()
    for frame in FRAMES:
        solver.step(*frame)
        assert solver.info.converged and not solver.info.fallback
        assert np.array_equal(solver.fallback.pointwise.numpy(), held, equal_nan=True)
    solver.preconditioner.weight.fill_(-1.0)  # the captured frame reads this very array
    solver.step(*FRAMES[1])
    assert solver.info.converged and solver.info.fallback
    assert np.array_equal(solver.fallback.pointwise.numpy(), 1.0 / solver.system.diagonal.numpy())
    solver.preconditioner.weight.fill_(1.0)
    solver.step(*FRAMES[0])
    assert solver.info.converged and not solver.info.fallback


def test_fallback_works_where_the_host_drives_the_loops():
    whole, pieces = (Solver(SHAPE, preconditioner=Broken(NOISE)) for _ in range(2))
    whole.step(*FRAMES[0]), pieces.step(*FRAMES[0])
    pieces._frame.graph = capture_pieces(pieces._frame.record, pieces.device)
    for frame in FRAMES:
        assert np.array_equal(whole.step(*frame), pieces.step(*frame))
        assert pieces.info.fallback and pieces.info.iterations == whole.info.iterations


def test_fallback_that_does_not_fit_gives_way_to_its_own(monkeypatch):
    monkeypatch.setitem(NAMES, "schwarz", lambda: Schwarz(dense=True))
    monkeypatch.setattr(coarse, "DENSE_LIMIT", 8)
    solver = Solver(SHAPE, preconditioner=Broken(-1.0))
    assert isinstance(solver.fallback, Jacobi)


def test_chain_of_fallbacks_ends():
    for make in NAMES.values():
        preconditioner, seen = make(), []
        while preconditioner.fallback is not None:
            seen.append(preconditioner.name)
            preconditioner = NAMES[preconditioner.fallback]()
            assert preconditioner.name not in seen


def test_a_still_first_frame_loads_all_that_later_ones_need():
    """The frame before the capture runs no iteration, but the kernels of one have to be loaded all the same."""
    for name in NAMES:
        solver = Solver(SHAPE, preconditioner=name, max_iterations=3000)
        assert not solver.step(FRAMES[0][0], np.zeros(SHAPE)).any()
        p = solver.step(*FRAMES[0])
        assert solver.info.converged
        assert abs(p - EXPECTED[0]).max() <= 1e-4 * abs(EXPECTED[0]).max()
