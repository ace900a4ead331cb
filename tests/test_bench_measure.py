"""The discipline of timing: warm-up apart, in turn, every timed answer judged by an independent matrix."""

import itertools
import math

import numpy as np
import oracle
import pytest

from bench import frames
from bench.harness import check, measure
from bench.harness.rival import Rival
from hpsolver import problems

pytestmark = pytest.mark.cpu

SHAPE = (6, 4)
FRAMES = [frames.Frame(*problems.frame("panel", SHAPE, seed=s)) for s in range(3)]


class Dense(Rival):
    """A direct solver that notes its calls in a diary."""

    package, module = "numpy", "numpy"
    iterations = 1

    def __init__(self, name: str, diary: list[str]):
        self.name, self.diary = name, diary

    def prepare(self, shape, tolerance, max_iterations):
        self.diary.append(f"{self.name} prepares")

    def setup(self, density):
        self._A = oracle.assemble(density)

    def solve(self, rhs):
        self.diary.append(self.name)
        return oracle.solve(self._A, rhs)[0]


class Wrong(Dense):
    def solve(self, rhs):
        self.diary.append(self.name)
        return np.zeros_like(rhs)


class Raises(Dense):
    def solve(self, rhs):
        if self.diary.count(self.name) == 3:
            raise FloatingPointError("gave up")
        return super().solve(rhs)


class Refuses(Dense):
    def prepare(self, shape, tolerance, max_iterations):
        raise ValueError("too large")


def run(*kinds: type[Dense], **options) -> tuple[list[measure.Run], list[str]]:
    diary: list[str] = []
    contenders = [kind(kind.__name__.lower(), diary) for kind in kinds]
    return measure.measure(contenders, FRAMES, 1e-8, 2, **options), diary


def test_a_wrong_answer_is_failed_not_fast():
    right, wrong = (r.summary() for r in run(Dense, Wrong)[0])
    assert right["failed"] is None
    assert right["samples"] == 6
    assert "true residual 1.0e+00" in wrong["failed"]
    assert "p50" not in wrong


def test_who_raises_fails_alone():
    right, broken = (r.summary() for r in run(Dense, Raises)[0])
    assert right["samples"] == 6
    assert broken["failed"] == "FloatingPointError: gave up"


def test_who_refuses_the_case_is_named_as_such():
    _, refused = (r.summary() for r in run(Dense, Refuses)[0])
    assert refused["failed"] == "cannot run: ValueError: too large"


def test_rivals_take_turns_and_change_who_is_first():
    class Other(Dense):
        pass

    _, diary = run(Dense, Other)
    timed = [name for name in diary if "prepares" not in name][4:]
    assert timed == ["dense", "other", "other", "dense"] * 3


def test_warm_up_is_not_a_sample_and_slow_rivals_are_dropped():
    clock = iter(range(10**6)).__next__  # a second passes between any two readings
    kept = run(Dense, limit=10.0, clock=clock)[0][0].summary()
    assert kept["samples"] == 6
    assert kept["p50"] == 2e3
    dropped = run(Dense, limit=0.5, clock=clock)[0][0].summary()
    assert dropped["failed"].startswith("dropped")


def test_ratios_are_of_the_same_turn():
    """A machine that gets slower and slower doubles both times, not their ratio."""
    runs, _ = run(Dense, Wrong, Refuses)
    runs[1].failure = None
    runs[0].total, runs[1].total = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [3.0, 6.0, 12.0, 24.0, 48.0, 96.0]
    assert [row["ratio"] for row in measure.rows(runs, "dense")] == [1.0, 3.0, None]
    assert [row["ratio"] for row in measure.rows(runs, "refuses")] == [None, None, None]


def test_one_frame_alone_is_refused():
    with pytest.raises(ValueError, match="two frames"):
        measure.measure([Dense("d", [])], FRAMES[:1], 1e-6, 1)


@pytest.mark.parametrize("shape", [(7, 5), (4, 3, 5)])
def test_the_judge_has_the_operator_of_the_reference(shape):
    density = problems.density("noise", shape, seed=1)
    matrix = check.assemble(density)
    assert abs(matrix - oracle.assemble(density)).max() < 1e-14
    rhs = problems.rhs("random", density, seed=2)
    pressure = oracle.solve(oracle.assemble(density), rhs)[0]
    assert check.true_residual(matrix, rhs, pressure) < 1e-12
    assert check.true_residual(matrix, rhs + 3.0, pressure) < 1e-12  # the mean of b is removed
    assert check.true_residual(matrix, rhs, -pressure) == pytest.approx(2.0)
    assert check.true_residual(matrix, rhs, np.full(shape, math.nan)) == math.inf


@pytest.mark.parametrize("flow", ["bubbles", "film"])
@pytest.mark.parametrize("shape", [(64, 32), (16, 16, 16)])
def test_moving_flows_keep_phases_pure_and_most_cells(flow, shape):
    sequence = frames.FLOWS[flow](shape, 4)
    for before, after in itertools.pairwise(sequence):
        changed = np.mean(before.density != after.density)
        assert 0.0 < changed < 0.5
        assert set(np.unique(after.density)) == {1.0, 1000.0}
        assert abs(after.rhs.mean()) < 1e-12


def test_velocity_has_no_divergence_and_stays_inside():
    h = 1e-5
    x = np.random.default_rng(0).random((3, 50))
    divergence = sum(
        (frames.velocity(x + h * e) - frames.velocity(x - h * e))[a] / (2 * h)
        for a, e in enumerate(np.eye(3)[:, :, None])
    )
    assert abs(divergence).max() < 1e-8
    for axis in range(3):
        for wall in (0.0, 1.0):
            on_wall = x.copy()
            on_wall[axis] = wall
            assert abs(frames.velocity(on_wall)[axis]).max() < 1e-12
