"""The iteration table counts what was solved, and shows what was not."""

import json
from collections import Counter

import numpy as np
import oracle
import pytest

from bench import frames, iterations
from bench.harness.rival import Rival
from hpsolver import problems

pytestmark = pytest.mark.cpu


class Scripted(Rival):
    """A rival that is right after scripted iterations; a negative number is a failure, 100 and more a fallback."""

    name, package, module = "scripted", "numpy", "numpy"

    def __init__(self, script: list[int]):
        self._script = iter(script)

    def prepare(self, shape, tolerance, max_iterations): ...

    def setup(self, density):
        self._A = oracle.assemble(density)

    def solve(self, rhs):
        self.iterations = next(self._script)
        self.remark = "fallback" if self.iterations >= 100 else "stagnated" if self.iterations < 0 else None
        if self.iterations == -2:
            raise FloatingPointError("gave up")
        return np.zeros_like(rhs) if self.iterations < 0 else oracle.solve(self._A, rhs)[0]


@pytest.fixture
def frame() -> frames.Frame:
    return frames.Frame(*problems.frame("panel", (5, 4), seed=0))


def test_a_tally_counts_solved_failed_and_fallen_back(frame):
    tally, rival = iterations.Tally(), Scripted([10, -1, 200, -2, 12])
    for _ in range(5):
        tally.add(rival, frame, oracle.assemble(frame.density), 1e-6)
    assert tally.counts == [10, 200, 12]
    assert tally.failures == {"stagnated": 1, "FloatingPointError: gave up": 1}
    assert tally.fallbacks == 1
    assert tally.text() == "74.0 (200), 2 FAILED, 1 fallback"


def test_tallies_add_up():
    both = iterations.total([iterations.Tally([3]), iterations.Tally([5, 7], Counter({"stagnated": 2}), 1)])
    assert both.text() == "5.0 (7), 2 FAILED, 1 fallback"
    assert (
        iterations.total([iterations.Tally([4], skipped=2), iterations.Tally(skipped=1)]).text() == "4.0 (4), 3 not run"
    )
    assert iterations.Tally(failures=Counter({"stagnated": 3})).text() == "3 FAILED"


def test_who_is_slow_solves_the_first_frames_of_all_cases(frame, monkeypatch):
    """The clock is read once before the frames and once for each: three seconds are enough for three of four."""
    monkeypatch.setattr(iterations, "perf_counter", iter(range(100)).__next__)
    pair = (frame, oracle.assemble(frame.density))
    drawn = {("panel", 10.0): [pair] * 2, ("noise", 10.0): [pair] * 2}
    tallies = iterations._tallies(Scripted([1, 2, 3]), frame.density.shape, 1e-6, drawn, 3.0)
    assert tallies["panel", 10.0].counts == [1, 3]
    assert tallies["noise", 10.0].counts == [2]
    assert tallies["noise", 10.0].skipped == 1


def test_who_cannot_run_says_why(frame):
    class Refuses(Scripted):
        def prepare(self, shape, tolerance, max_iterations):
            raise ValueError("2D only")

    drawn = {("panel", 10.0): [(frame, oracle.assemble(frame.density))] * 3}
    (tally,) = iterations._tallies(Refuses([]), frame.density.shape, 1e-6, drawn, 3.0).values()
    assert tally.failures == {"cannot run: ValueError: 2D only": 3}
    assert tally.text() == "cannot run"


def test_quick_run_covers_gallery_contrasts_and_registry(tmp_path):
    assert iterations.main(["--quick", "--only", "jacobi,schwarz,pyamg", "--out", str(tmp_path)]) == 0
    cells = json.loads((tmp_path / "iterations.json").read_text())["cells"]
    assert {cell["family"] for cell in cells} == set(problems.DENSITIES)
    assert {cell["contrast"] for cell in cells} == set(iterations.CONTRASTS)
    assert {cell["tolerance"] for cell in cells} == {1e-6, 1e-8}
    low = [c for c in cells if c["contrast"] <= 100]
    assert not any(c["failures"] for c in low)

    def mean(name: str, tolerance: float) -> float:
        return np.mean([i for c in low if c["name"] == name and c["tolerance"] == tolerance for i in c["counts"]])

    for tolerance in (1e-6, 1e-8):
        assert mean("schwarz", tolerance) < mean("block_jacobi", tolerance) < mean("jacobi", tolerance)
    assert mean("jacobi", 1e-6) < mean("jacobi", 1e-8)
    text = (tmp_path / "iterations.md").read_text()
    assert "## By family" in text
    assert "## Failures" in text
