"""The benchmark measures what it says, and the README shows what was measured."""

import json

import numpy as np

from bench import fps, readme_table, rivals
from hpsolver import problems


def test_quick_run_writes_results_for_every_rival(tmp_path):
    assert fps.main(["--quick", "--rounds", "1", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "fps.json").read_text())
    rows = report["cases"][0]["rows"]
    assert {row["name"] for row in rows} == set(rivals.VARIANTS) | set(rivals.external(1e-6))
    assert not any(row["failed"] for row in rows)
    assert "| jacobi |" in (tmp_path / "fps.md").read_text()


def test_a_wrong_answer_is_shown_as_failed_not_fast(monkeypatch):
    wrong = {"wrong": lambda density, rhs: (np.zeros_like(rhs), 1)}
    monkeypatch.setattr(rivals, "external", lambda tolerance: wrong)
    case = fps.measure_case("panel", (32, 32), None, rounds=1)
    row = next(row for row in case["rows"] if row["name"] == "wrong")
    assert row["failed"]
    report = {"command": "c", "machine": fps.machine(), "tolerance": 1e-6, "cases": [case]}
    assert "| wrong | FAILED" in fps.markdown(report)


def test_external_assembly_is_the_solvers_operator():
    from hpsolver import Solver

    density, rhs = problems.frame("panel", (20, 12), seed=0)
    solver = Solver((20, 12))
    solver.step(density, rhs)
    difference = abs(rivals.assemble(density) - solver.matrix()).max()
    assert difference < 1e-14


def test_readme_shows_the_committed_results():
    assert readme_table.main(["--check"]) == 0
