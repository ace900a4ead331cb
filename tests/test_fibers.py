"""The CUDA form of every kernel body gives the answers of the CPU's: blocks of 256 lanes, as fibers (``fibers``).

Every barrier was taken out in turn (``python tests/fiber_barriers.py``, 2026-11-28). Where no result changed, a comment
beside the barrier or ``bench/FINDINGS.md`` says why it stays.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cpu

PROGRAM = Path(__file__).parent / "fibers.py"


def reports(order: str, cases: str = "all") -> list[dict]:
    done = subprocess.run([sys.executable, PROGRAM, order, cases], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def expected() -> list[dict]:
    """Reports of the form that the CPU runs."""
    return reports("plain")


@pytest.mark.parametrize(("order", "cases"), [("down", "all"), ("up", "2D solid open"), ("up", "2D moving")])
def test_lanes_in_either_order_give_the_answer_of_one_lane(order, cases, expected):
    """Sums are in another order, so the last iteration of a long run, or one in single precision, may be saved or
    added."""
    found = reports(order, cases)
    expected = [line for line in expected if cases in ("all", line["case"])]
    assert len(found) == len(expected) > (60 if cases == "all" else 3)
    for mine, theirs in zip(found, expected, strict=True):
        assert all(mine[key] == theirs[key] for key in ("case", "form", "precision", "status"))
        may_differ = theirs["iterations"] >= 50 or theirs["precision"] == "float32"
        assert abs(mine["iterations"] - theirs["iterations"]) <= int(may_differ), mine
        rough = mine["form"] == "none" or mine["status"] != "converged"  # htp_paper on frames it was not trained for
        assert mine["norm"] == pytest.approx(theirs["norm"], rel=1e-3 if rough else 1e-5)
        assert mine.get("gradient", 0.0) == pytest.approx(theirs.get("gradient", 0.0), rel=1e-3)
