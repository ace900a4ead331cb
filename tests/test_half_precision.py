"""The network in half precision: what is measured is really in that precision."""

import json

import pytest
import torch

from bench import half_precision
from hpsolver import Solver, problems
from hpsolver.network.basis import BasisConfig, BasisNetwork
from hpsolver.preconditioners.htp import HTP


@pytest.mark.parametrize("precision", half_precision.PRECISIONS)
def test_products_are_in_the_precision_and_the_answer_in_single(precision):
    torch.manual_seed(0)
    network = BasisNetwork(BasisConfig(width=16, layers=1, heads=2)).eval().requires_grad_(False)
    seen, answers = [], []
    wrapped = half_precision.Autocast(network, half_precision.PRECISIONS[precision])
    wrapped.network.head.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    wrapped.register_forward_hook(lambda module, inputs, output: answers.append(output.dtype))
    solver = Solver((32, 16), preconditioner=HTP.of_network(wrapped), tolerance=1e-8, device="cpu")
    solver.step(*problems.frame("panel", (32, 16), seed=10000))
    assert solver.info.converged
    assert set(seen) == {half_precision.PRECISIONS[precision]} and set(answers) == {torch.float32}


def test_quick_run(tmp_path):
    assert half_precision.main(["--quick", "--out", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "half_precision.json").read_text())["rows"]
    assert {(row["precision"], row["functions"]) for row in rows} == {
        (precision, functions) for precision in half_precision.PRECISIONS for functions in (4, 8)
    }
    assert all(row["failed"] == 0 and row["inference ms"] > 0 for row in rows)
    assert all(row["differs"] == 0 for row in rows if row["precision"] == "float32")
