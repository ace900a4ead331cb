"""Exponents of growth, expected times and bytes of memory are right."""

import json

import numpy as np
import pytest
import torch
import warp as wp

from bench import scaling
from bench.harness import memory

pytestmark = pytest.mark.cpu


def rows(times: dict[int, float]) -> list[dict]:
    return [{"cells": n, "p50": ms, "failed": None, "iterations": 10.0} for n, ms in times.items()]


def test_exponent_of_a_power_law():
    law = rows({n: 0.5 * n**1.5 for n in (1024, 4096, 16384, 65536)})
    assert scaling.exponent(law, "p50") == pytest.approx(1.5)
    assert scaling.exponent(law, "iterations") == pytest.approx(0.0)
    law[1]["failed"] = "dropped"
    assert scaling.exponent(law, "p50") is None  # two sizes from 4096 on are left


def test_growth_so_far_says_what_to_expect():
    assert scaling.expected([], 1000) == 0.0
    assert scaling.expected(rows({1000: 100.0}), 4000) == pytest.approx(0.4)
    assert scaling.expected(rows({1000: 100.0, 2000: 400.0}), 4000) == pytest.approx(1.6)
    assert scaling.expected(rows({1000: 100.0, 2000: 100.0}), 4000) == pytest.approx(0.2)  # never below linear
    dropped = {"cells": 4000, "failed": "dropped", "expected_ms": 1600.0}
    assert scaling.expected([*rows({2000: 400.0}), dropped], 8000) == pytest.approx(6.4)
    noisy = rows({500: 1e9, 1000: 100.0, 2000: 1000.0, 4000: 1600.0})  # over the last three: quadratic
    assert scaling.expected(noisy, 8000) == pytest.approx(6.4)
    assert scaling.expected([{"cells": 1000, "failed": "cannot run: no"}], 2000) == 0.0


def test_held_bytes_are_those_of_live_arrays_each_once():
    before = memory.held()
    array = wp.zeros(1000, dtype=wp.float64, device="cpu")
    view = array[100:]
    tensor = torch.zeros(500, dtype=torch.float32)
    torch.eye(3).to_sparse()  # has no storage of its own to count
    assert memory.held() - before == 8 * 1000 + 4 * 500
    assert view.size == 900
    assert tensor.numel() == 500
    del array, view, tensor
    assert memory.held() == before


@pytest.mark.skipif(memory.resident() is None, reason="no /proc")
def test_peak_sees_what_is_gone_again():
    memory.reset_peak()
    before = memory.resident()
    np.ones(4_000_000).sum()
    assert memory.peak() - before > 25e6
    memory.reset_peak()
    assert memory.peak() - before < 25e6


def test_quick_run(tmp_path):
    assert scaling.main(["--quick", "--only", "jacobi,schwarz,superlu", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "scaling.json").read_text())
    by_name = {(row["name"], row["cells"]): row for row in found["rows"] if len(row["shape"]) == 2}
    assert not any(row["failed"] for row in found["rows"] if row["name"] in ("jacobi", "schwarz"))
    for cells in (256, 1024, 4096):
        jacobi, schwarz = by_name["jacobi", cells], by_name["schwarz", cells]
        assert 100 < jacobi["bytes_per_cell"] < schwarz["bytes_per_cell"]
        assert by_name["SciPy SuperLU", cells]["bytes_per_cell"] is None
    assert by_name["jacobi", 4096]["iterations"] > 1.5 * by_name["jacobi", 1024]["iterations"]
    text = (tmp_path / "scaling.md").read_text()
    assert "## 2D: growth" in text
    assert "### 3D: not solved" in text
