"""The measurement of overlap: operations counted right, ratios and conclusion taken from the rows."""

import functools
import json

import pytest

from bench import overlap
from hpsolver import Solver
from hpsolver.preconditioners import DDAttention, Schwarz


def test_operations_are_those_of_the_algebra():
    """Of 4 leaves of 16x8 cells in a 32x16 grid; each has 2 or 4 neighbours no farther than 2 leaf numbers away."""
    cg = 10 + 12
    coarse = 32 * (4 * 3 * 8 + 1) / 512
    transfers = 4 * 8
    leaves = 4 * 8 + 1
    window = 180 / 128
    eight = functools.partial(Schwarz, 8, leaf_size=128)
    expected = {
        eight(sweep="additive"): leaves,
        eight(): 1.5 * leaves,
        eight(deflated=False, sweep="additive", overlap=1): window * (4 * 10 + 1),
        eight(sweep="additive", overlap=1): window * (4 * 10 + 1) + 10,
        DDAttention(rank=8): window * 4 * 8,
    }
    for preconditioner, near in expected.items():
        solver = Solver((32, 16), preconditioner=preconditioner, device="cpu")
        assert overlap.operations(solver) == pytest.approx(near + transfers + coarse + cg)


def row(name: str, iterations: float, flops: float, solve: float, **more: object) -> dict:
    case = {"family": "panel", "shape": (8, 8), "contrast": None, "failed": None}
    return case | {"name": name, "iterations": iterations, "flops": flops, "solve": solve} | more


def test_forms_are_compared_with_their_own_without_overlap():
    rows = [
        row("schwarz, additive", 20, 100, 1.0),
        row("schwarz, deflated", 10, 100, 1.0),
        row("overlap 1, additive", 10, 150, 0.5),
        row("overlap 1, deflated", 5, 300, 3.0),
        row("overlap 2, deflated", 5, 300, 3.0, failed="diverged"),
    ]
    rows += [r | {"family": "film", "iterations": 4 * r["iterations"]} for r in rows[:2]]
    rows += [r | {"family": "film"} for r in rows[2:4]]
    found = {r["name"]: r for r in overlap.compared(rows)}
    assert found.keys() == {"overlap 1, additive", "overlap 1, deflated"}
    additive = found["overlap 1, additive"]
    assert (additive["least"], additive["most"]) == (0.125, 0.5)
    assert (additive["iterations"], additive["operations"]) == (pytest.approx(0.25), pytest.approx(1.5))
    text = overlap.verdict(list(found.values()))
    assert "additive (`dd_attention`): 0.25 times the iterations" in text and "solve time. It pays." in text
    assert "3.00 times the solve time. It does not pay." in text


def test_a_frame_counts_with_its_fastest_round():
    rounds = [[1.0, 5.0, 3.0], [2.0, 4.0, 90.0]]
    assert overlap.undisturbed([time for times in rounds for time in times], 3) == 3.0


def test_quick_run_measures_everyone(tmp_path):
    assert overlap.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "overlap.json").read_text())
    assert len(found["rows"]) == 2 * len(overlap.rivals())
    assert not any(r["failed"] or r["remarks"] for r in found["rows"])
    assert {r["dimension"] for r in found["compared"]} == {2, 3}
    text = (tmp_path / "overlap.md").read_text()
    assert "| dd_attention, rank 32 |" in text and text.count("pay") >= 2
