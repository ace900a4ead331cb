"""The published table is quoted right, ours stands beside it, and what is modelled is a printed formula."""

import dataclasses
import json

import pytest

from bench import paper_table
from bench.harness import model, published, rivals
from hpsolver import Solver

pytestmark = pytest.mark.cpu


def test_quotes_give_the_published_ratios():
    """The abstract's claims at 8,192 cells: 17.9 ms, 2.2x over Jacobi, 28x over DILU, 2.7x over neural SPAI."""
    ms = {quote.name: quote.results[8192][1] for quote in published.QUOTES}
    assert round(ms["HTP"], 1) == 17.9
    assert round(ms["Jacobi"] / ms["HTP"], 1) == 2.2
    assert round(ms["AMGX DILU"] / ms["HTP"]) == 28
    assert round(ms["neural SPAI"] / ms["HTP"], 1) == 2.7
    assert all(set(quote.results) == set(published.SIZES) for quote in published.QUOTES)
    assert {note for quote in published.QUOTES for note in quote.notes} == set(published.NOTES)
    assert all(a * b == size for size, (a, b) in published.SIZES.items())


@pytest.mark.parametrize("rival", rivals.engine(), ids=lambda r: r.name)
def test_counted_nodes_are_the_declared_ones(rival):
    solver = Solver((32, 32), preconditioner=rival.preconditioner, device="cpu")
    assert model.work(solver).nodes == 3 + solver.preconditioner.launches
    assert model.gpu_work(rival.name, rival.preconditioner, (32, 32)).nodes <= 40


def test_work_counts_arrays_and_launches_nothing():
    small, large = (model.gpu_work("jacobi", "jacobi", shape) for shape in ((64, 64), (128, 128)))
    # A product reads 5 coefficient arrays, and some 10 passes go over vectors of doubles.
    assert 8 * (5 + 5) < large.bytes / 128**2 < 8 * (5 + 20)
    assert large.bytes / small.bytes == pytest.approx(4, rel=0.01)
    assert large.nodes == small.nodes


def test_the_formula_is_the_printed_one():
    in_a_graph = "4.6 us + for each node 0.9 us and the larger of its chain and its bytes / 3 TB/s"
    assert f"in a graph = {in_a_graph}" in model.FORMULA
    assert "as one kernel, on up to 32,768 cells = for each phase 0.75 us" in model.FORMULA
    small, large = ([5e-6, 3e-6], [0, 0]), ([5e-6, 3e-6], [0, 30 * 10**6])
    assert model.Work(*small, one_kernel=False).seconds == pytest.approx(4.6e-6 + 5.9e-6 + 3.9e-6)
    assert model.Work(*large, one_kernel=False).seconds == pytest.approx(4.6e-6 + 5.9e-6 + 10.9e-6)
    assert model.Work(*small, one_kernel=True).seconds == pytest.approx(2 * 0.75e-6 + 2.8e-6 + 0.8e-6)
    assert model.Work(*large, one_kernel=True).seconds == pytest.approx(2 * 0.75e-6 + 2.8e-6 + 10e-6)


MEASURED = {
    "jacobi": (17.5, 17.5),
    "dilu": (25, 25),
    "fsai": (25, 25),
    "block_jacobi": (29, 29),
    "schwarz, additive": (33, 38),
    "schwarz, all leaves at once": (39, 58),
    "schwarz": (60, 84),
}
"""Least and largest microseconds of an iteration on an H100, panel, 1,024 to 16,384 cells (2026-11-27), of those
preconditioners that launch the same kernels today."""


@pytest.mark.parametrize("name", MEASURED)
def test_the_model_gives_what_was_measured_to_a_third(name):
    rival = next(rival for rival in rivals.engine() if rival.name == name)
    work = model.gpu_work(name, rival.preconditioner, (128, 64))
    seconds = dataclasses.replace(work, one_kernel=False).seconds
    least, largest = MEASURED[name]
    assert 0.7e-6 * least < seconds < 1.3e-6 * largest


def test_small_grids_are_modelled_as_one_kernel_and_frames_as_a_whole():
    small, large = (model.on_gpu("multigrid", "multigrid", shape) for shape in ((128, 128), (256, 256)))
    assert model.work(small).one_kernel and not model.work(large).one_kernel
    first, second = (model.frame(small, iterations) for iterations in (10, 20))
    assert second - first == pytest.approx(10 * model.work(small).seconds)
    with pytest.raises(ValueError, match="frames of 'schwarz' are not modelled"):
        model.frame(model.on_gpu("schwarz", "schwarz", (32, 32)), 10)


def test_quick_run_shows_both_and_claims_no_gpu_time(tmp_path):
    assert paper_table.main(["--quick", "--only", "jacobi,schwarz,ruge", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "paper_table.json").read_text())
    assert found["gpu"] == {}
    assert [case["shape"] for case in found["cases"]] == [[32, 32], [64, 32]]
    rows = {row["name"]: row for row in found["cases"][0]["rows"]}
    assert 7 <= rows["PyAMG Ruge-Stuben + CG"]["iterations"] <= 10
    assert 160 <= rows["jacobi"]["iterations"] <= 210
    assert rows["schwarz"]["modelled_ms"] > 0
    assert rows["jacobi"]["modelled_frame_ms"] > rows["jacobi"]["modelled_ms"]
    assert "modelled_frame_ms" not in rows["schwarz"]
    assert "modelled_ms" not in rows["PyAMG Ruge-Stuben + CG"]
    text = (tmp_path / "paper_table.md").read_text()
    assert "| HTP [1] [2] [3] | 46.7 | 7.0 |  |  |  |  |  |" in text
    assert model.FORMULA in text
    assert all(note in text for note in published.NOTES.values())


def test_gpu_column_takes_measurements_of_a_gpu_only(tmp_path):
    row = {"name": "schwarz", "failed": None, "p50": 0.7}
    part = {"kind": "times", "flow": "panel", "shape": [32, 32], "tolerance": 1e-8, "failed": None, "rows": [row]}
    path = tmp_path / "cuda_report.json"
    assert paper_table.measured_on_gpu(path) == {}
    for rehearsed in ({"device": "cpu"}, None):
        path.write_text(json.dumps({"machine": rehearsed, "parts": [part]}))
        assert paper_table.measured_on_gpu(path) == {}
    lost = {"kind": "times", "label": "times of panel 64x64", "failed": "stopped after 120 s"}
    path.write_text(json.dumps({"machine": {"device": "NVIDIA H100, sm_90"}, "parts": [part, lost]}))
    assert paper_table.measured_on_gpu(path) == {"32x32": {"schwarz": 0.7}}
