"""What a type checker tells a user of the public API."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cpu
CACHE = Path(__file__).parents[1] / ".mypy_cache"
"""The cache of ``make lint``: without it, reading Torch alone takes half a minute."""

PROGRAM = """
import numpy as np
import numpy.typing as npt
import torch
from hpsolver import Solver, StepInfo, preconditioners, problems

solver = Solver((32, 16), boundary=(("open", "wall"), "periodic"), preconditioner=preconditioners.Schwarz(8))
density, rhs = problems.frame("bubbles", (32, 16), seed=0)
reveal_type(solver.step(density, rhs))
reveal_type(solver.step(torch.ones(32, 16), torch.zeros(32, 16)))
out: npt.NDArray[np.float32] = np.empty((32, 16), np.float32)
reveal_type(solver.step(density, rhs, out=out))
info: StepInfo = solver.info
reveal_type(info.iterations)
reveal_type(info.status.advice)
"""
WRONG = PROGRAM + "\nSolver((32, 16), tolerance='small')\n"


def checked(folder, text: str) -> subprocess.CompletedProcess:
    program = folder / "program.py"
    program.write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", f"--cache-dir={CACHE}"]
    return subprocess.run([*command, str(program)], capture_output=True, text=True)


def test_arrays_come_back_typed_and_wrong_arguments_are_noticed(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    found = checked(tmp_path, PROGRAM)
    assert found.returncode == 0, found.stdout
    types = [line.split('"')[1] for line in found.stdout.splitlines() if "Revealed type" in line]
    assert "ndarray" in types[0] and "float64" in types[0]
    assert "Tensor" in types[1]
    assert "32Bit" in types[2] or "float32" in types[2]
    assert types[3:] == ["int", "str"] or types[3:] == ["builtins.int", "builtins.str"]
    wrong = checked(tmp_path, WRONG)
    assert wrong.returncode == 1
    assert 'Argument "tolerance" to "Solver" has incompatible type "str"' in wrong.stdout
