"""The CUDA report, rehearsed on the CPU: the same path, and no part can stop the next."""

import json

import pytest
import warp as wp

from bench import cuda_report
from bench.harness import cuda_tables

pytestmark = pytest.mark.cpu


def test_rehearsal_writes_every_section(tmp_path):
    assert cuda_report.main(["--device", "cpu", "--quick", "--only", "jacobi", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "cuda_report.json").read_text())
    assert [part["failed"] for part in found["parts"]] == [None] * 7, found["parts"]
    assert [part["kind"] for part in found["parts"]] == [
        *["environment", "answer", "answer", "growth", "loops", "times", "times"]
    ]
    for part in found["parts"][1:3]:
        for case in part["cases"]:
            assert case["solved"]
            assert case["iterations"] == case["cpu_iterations"]
            assert case["difference"] == 0.0
            assert case["graph_is_eager"]
            assert case["pieces_are_graph"]
            assert case["repeats"]
    assert found["parts"][3]["frames"] == 200
    assert [row["parts"] for row in found["parts"][4]["rows"]] == [["jacobi solve"], []]
    assert found["parts"][4]["difference"] == 0.0  # the same bits
    assert {row["name"] for row in found["parts"][5]["rows"]} == {"jacobi", "block_jacobi"}
    assert all(row["us_per_iteration"] > 0 for row in found["parts"][5]["rows"])
    assert "CuPy CG + Jacobi" in found["absent"]
    assert (tmp_path / "cuda_report.png").stat().st_size > 0
    text = (tmp_path / "cuda_report.md").read_text()
    for title in ("## Parts", "## Environment", "## Answers", "## Memory", "## Loops", "## Times"):
        assert title in text
    assert "modelled us" in text


def test_worlds_are_compared_with_solvers_of_their_own():
    found = cuda_report._in_process("cpu", "worlds", {"name": "schwarz", "shape": (16, 8), "counts": (2, 9)}, 100)
    assert found["failed"] is None, found
    assert [row["worlds"] for row in found["rows"]] == [None, 2, 9]
    assert all(row["same"] and row["converged"] and row["ms"] > 0 for row in found["rows"])
    text = cuda_tables._worlds([found | {"label": "worlds"}])
    assert "schwarz 16x8 | 9 |" in text and "yes" in text and "NO" not in text


def test_ranks_say_what_the_example_says():
    part = {"label": "2 ranks of jacobi", "failed": None, "passed": True, "says": ["10 iterations", "check passed"]}
    text = cuda_tables._ranks([part, {"label": "2 ranks of htp", "failed": "stopped after 9 s"}])
    assert "| 2 ranks of jacobi | passed | 10 iterations; check passed |" in text
    assert "| 2 ranks of htp | stopped after 9 s |" in text
    assert "FAILED" in cuda_tables._ranks([part | {"passed": False}])


def test_a_part_that_fails_says_why():
    assert "StopIteration" in cuda_report._in_process("cpu", "answer", {"name": "nonesuch"}, 60)["failed"]


def test_a_part_that_hangs_is_stopped_and_one_without_time_skipped():
    assert cuda_report._in_process("cpu", "environment", {}, 0.1)["failed"] == "stopped after 0 s"
    assert cuda_report._in_process("cpu", "environment", {}, -1.0)["failed"] == "skipped: time is up"


def test_failures_are_shown_and_who_answered_wrong_takes_no_part():
    case = {"shape": [4, 4], "family": "panel", "status": "STAGNATED", "fallback": False, "residual": None}
    case |= {
        "refused": None,
        "solved": False,
        "iterations": 90,
        "cpu_iterations": 10,
        "difference": 0.5,
        "agrees": False,
    }
    case |= {"graph_is_eager": True, "pieces_are_graph": False, "repeats": True, "first_s": 1.0}
    case |= {"graph_ms": 1.0, "pieces_ms": 1.0, "eager_ms": 1.0}
    wrong = {
        "kind": "answer",
        "label": "answers of a",
        "name": "a",
        "seconds_taken": 1.0,
        "failed": None,
        "cases": [case],
    }
    lost = {"kind": "times", "label": "times of b", "seconds_taken": 120.0, "failed": "stopped after 120 s"}
    assert not cuda_report.right(wrong)
    refused = {"shape": [4, 4, 4], "family": "panel", "refused": "2D only"}
    assert cuda_report.right(wrong | {"cases": [case | {"solved": True}, refused]})
    found = {
        "command": "c",
        "machine": None,
        "absent": {},
        "formula": "f",
        "parts": [wrong | {"cases": [case, refused]}, lost],
    }
    text = cuda_tables.markdown(found)
    assert "FAILED: stagnated" in text
    assert "90 (10) DIFFERS" in text
    assert "| yes | NO | yes |" in text
    assert "not finite" in text
    assert "cannot run: 2D only" in text
    assert "### times of b\n\nstopped after 120 s" in text


def test_without_a_gpu_it_says_how_to_rehearse(monkeypatch):
    monkeypatch.setattr(wp, "is_cuda_available", lambda: False)
    with pytest.raises(SystemExit, match="--device cpu"):
        cuda_report.main(["--quick"])


def test_what_is_asked_of_warp_exists():
    """These names are used on a GPU only."""
    for name in ("get_cuda_driver_version", "get_cuda_toolkit_version", "is_mempool_enabled"):
        assert callable(getattr(wp, name))
    for name in ("total_memory", "free_memory", "sm_count"):
        assert hasattr(type(wp.get_device("cpu")), name) or hasattr(wp.get_device("cpu"), name)
