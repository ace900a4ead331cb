"""The published table is quoted right, ours stands beside it, and what is modelled is a printed formula."""

import json

import pytest

from bench import paper_table
from bench.harness import model, published, rivals
from hpsolver import Solver


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
    assert "2.5 us x graph nodes + max(bytes / 3 TB/s, flops / 30 Tflop/s)" in model.FORMULA
    assert model.Work(nodes=4, bytes=0, flops=0).seconds == pytest.approx(10e-6)
    assert model.Work(nodes=0, bytes=3 * 10**6, flops=10**6).seconds == pytest.approx(1e-6)
    assert model.Work(nodes=0, bytes=10**6, flops=6 * 10**7).seconds == pytest.approx(2e-6)


def test_quick_run_shows_both_and_claims_no_gpu_time(tmp_path):
    assert paper_table.main(["--quick", "--only", "jacobi,schwarz,ruge", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "paper_table.json").read_text())
    assert found["gpu"] == {}
    assert [case["shape"] for case in found["cases"]] == [[32, 32], [64, 32]]
    rows = {row["name"]: row for row in found["cases"][0]["rows"]}
    assert 7 <= rows["PyAMG Ruge-Stuben + CG"]["iterations"] <= 10
    assert 160 <= rows["jacobi"]["iterations"] <= 210
    assert rows["schwarz"]["modelled_ms"] > 0
    assert "modelled_ms" not in rows["PyAMG Ruge-Stuben + CG"]
    text = (tmp_path / "paper_table.md").read_text()
    assert "| HTP [1] [2] [3] | 46.7 | 7.0 |  |  |  |  |" in text
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
