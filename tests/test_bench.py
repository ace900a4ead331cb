"""The frame-time benchmark runs, writes what it says, and the README shows what was measured."""

import json
import math

import numpy as np
import pytest

from bench import __main__ as everything
from bench import external, flow, fps, moving, options, readme_table, threads, worlds
from bench.harness import command, report, rivals
from hpsolver import preconditioners

pytestmark = pytest.mark.cpu

FOUND = {
    "command": "python -m bench.fps",
    "machine": {"date": "2026-01-02T03:04+00:00", "cpu": "A CPU"},
    "settings": {"frames": 5, "rounds": 2, "tolerance": 1e-6, "limit": 1.0},
    "cases": [
        {
            "flow": "panel",
            "shape": [64, 64],
            "contrast": "5-100",
            "rows": [
                {"name": "slow", "failed": None, "p50": 12.34, "iterations": 40.4},
                {"name": "fast", "failed": None, "p50": 1.234, "iterations": 7.0},
                {"name": "wrong", "failed": "true residual 1.0e+00, asked 1e-06", "iterations": 1.0},
                {"name": "late", "failed": "dropped: 2.0 s a frame, limit 1 s", "iterations": None},
            ],
        }
    ],
}


def test_quick_run_writes_results_for_every_rival(tmp_path):
    assert fps.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "fps.json").read_text())
    present = {rival.name for rival in rivals.everyone() if rival.available() is None}
    assert set(preconditioners.NAMES) | set(rivals.VARIANTS) <= present | set(found["absent"])
    assert present | set(found["absent"]) == {rival.name for rival in [*rivals.engine(), *external.everyone()]}
    for case in found["cases"]:
        assert {row["name"] for row in case["rows"]} == present
        wrong = {r["name"]: r["failed"] for r in case["rows"] if r["failed"]}
        assert all(reason.startswith(report.NO_CONTEST) for reason in wrong.values()), wrong
    assert set(found["machine"]["threads"].values()) == {1}
    assert "| jacobi |" in (tmp_path / "fps.md").read_text()
    assert (tmp_path / "fps.png").stat().st_size > 0
    assert "| jacobi |" in readme_table.table(found)


def test_quick_flow_writes_a_row_for_every_variant(tmp_path):
    assert flow.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "flow.json").read_text())
    assert [row["solver"] for row in found["rows"]] == list(flow.VARIANTS)
    assert not any(row["not converged"] for row in found["rows"])
    assert (tmp_path / "flow.png").stat().st_size > 0


def test_only_selects_and_nobody_is_an_error():
    assert [rival.name for rival in rivals.select(rivals.everyone(), "superlu, Chol")] == ["SciPy SuperLU", "cholespy"]
    with pytest.raises(SystemExit, match="nonesuch"):
        rivals.select(rivals.everyone(), "nonesuch")


def test_a_failed_row_shows_why_and_no_time():
    row = {"name": "w", "failed": "true residual 1.0e+00, asked 1e-06", "remarks": {}, "iterations": 1.0}
    text = report.times_table([row | {"worst_iterations": 1, "p50": 0.001}], "schwarz")
    assert "FAILED: true residual 1.0e+00" in text
    assert "0.001" not in text


def test_readme_table_marks_the_fastest_and_names_failures():
    lines = readme_table.table(FOUND).splitlines()
    assert lines[0] == "| ms per frame (iterations) | panel 64x64, 5-100:1 |"
    assert lines[2:6] == ["| slow | 12.3 (40) |", "| fast | **1.23 (7)** |", "| wrong | failed |", "| late | dropped |"]
    assert "2026-01-02, A CPU, one thread, median of 10 frames" in lines[-1]


def test_the_pages_show_the_committed_results():
    assert readme_table.main(["--check"]) == 0


def test_readme_without_markers_is_an_error():
    with pytest.raises(ValueError, match="markers"):
        readme_table.updated("no markers here", "bench", "table")


def test_results_are_plain_json():
    found = {"a": np.float64(math.inf), "b": (np.int32(2), math.nan), "c": {1: True}}
    assert json.loads(report.to_json(found)) == {"a": None, "b": [2, None], "c": {"1": True}}


def test_numbers_keep_three_digits():
    values = {1234.5: "1234", 12.345: "12.3", 0.012345: "0.0123", 0.0: "0", 100.4: "100", 123456.0: "1.23e+05"}
    assert {value: report.number(value) for value in values} == values
    assert report.number(None) == ""


def test_all_scripts_run_even_after_one_that_fails(tmp_path, monkeypatch, capsys):
    called = []

    def broken(argv):
        called.append("broken")
        raise RuntimeError("no")

    def fine(argv):
        called.append(argv)
        return 0

    monkeypatch.setattr(everything, "SCRIPTS", {"broken": broken, "fine": fine})
    monkeypatch.setattr(everything.readme_table, "main", lambda argv: called.append("readme"))
    argv = ["--quick", "--out", str(tmp_path)]
    assert everything.main(argv) == 1
    assert called == ["broken", argv]  # README is not rewritten: it shows other results
    assert "FAILED: broken" in capsys.readouterr().err
    assert everything.main([]) == 1
    assert called[-1] == "readme"


@pytest.mark.parametrize("main", [*everything.SCRIPTS.values(), *everything.CUDA_SCRIPTS.values(), everything.main])
def test_every_script_explains_itself(main, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m bench")
    assert "--quick" in text


def test_quick_results_are_not_for_the_record():
    quick, default = (command.Parser("fps", "").parse_args(words) for words in (["--quick"], []))
    assert default.out == command.RESULTS
    assert command.RESULTS not in (quick.out, *quick.out.parents)
    assert report.invocation("fps", quick) == "python -m bench.fps --quick"
    assert report.invocation("fps", default) == "python -m bench.fps"
    other = command.Parser("fps", "").parse_args(["--only", "a,b", "--device", "cuda:1"])
    assert report.invocation("fps", other) == "python -m bench.fps --only a,b --device cuda:1"


def test_options_compares_the_choices_on_equal_frames(tmp_path):
    assert options.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "options.json").read_text())
    assert len(found["rows"]) == 2
    assert all(row[name][1] > 0 for row in found["rows"] for name in options.CHOICES)
    assert options.summary(found["rows"], 2)[1][2:] == ["1.00 (1.00)", "1.00 (1.00)"]


def test_worlds_measures_every_way(tmp_path):
    assert worlds.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "worlds.json").read_text())
    assert all(row["failed"] == [] and set(worlds.WAYS) <= set(row) for row in found["rows"])
    assert [case["W"] for case in found["gradients"]] == [None, 4]
    assert "worlds over loop" in (tmp_path / "worlds.md").read_text()


def test_threads_are_timed_and_their_answers_judged(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "counts", lambda: [1, 2])
    assert threads.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "threads.json").read_text())
    assert len(found["rows"]) == 6 and not any(row["failed"] for row in found["rows"])
    assert all(set(row["ms"]) == {"1", "2"} for row in found["rows"])
    assert "FAILED" not in (tmp_path / "threads.md").read_text()


def test_moving_measures_every_way(tmp_path):
    assert moving.main(["--quick", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "moving.json").read_text())
    assert all(row[way][2] == 0 for row in found["rows"] for way in moving.WAYS)  # no failures
    table = (tmp_path / "moving.md").read_text()
    assert "FAILED" not in table and "fraction" in table
    scene = moving.scene((32, 24), 3)
    assert 0.0 == scene["fraction"][0].min() < scene["fraction"][0].max() == 1.0
    assert scene["solid"].any() and (scene["surface"] > 0).any()
