"""The command line, called in process except where the process is the point."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import hpsolver.examples
from hpsolver import Solver, preconditioners
from hpsolver.cli import FAILED, OK, USAGE, main

pytestmark = pytest.mark.cpu

SHAPE = (16, 12)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A density, a zero-mean right-hand side, and where the pressure is to go."""
    rng = np.random.default_rng(0)
    rhs = rng.standard_normal(SHAPE)
    np.save(tmp_path / "density.npy", 10.0 ** rng.uniform(-1, 1, SHAPE))
    np.save(tmp_path / "rhs.npy", rhs - rhs.mean())
    return [str(tmp_path / name) for name in ("density.npy", "rhs.npy", "pressure.npy")]


def solve(files: list[str], *options: str) -> int:
    return main(["solve", *files, "--device", "cpu", "--preconditioner", "jacobi", *options])


def one_error_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("hpsolver solve: error: ")
    return lines[0]


def test_module_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "hpsolver", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == OK
    assert all(word in done.stdout for word in ("demo", "solve", "info"))


def test_info(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preconditioners, "available", lambda: {"jacobi": None, "neural": "no weights"})
    assert main(["info"]) == OK
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if " " in line]
    table = dict(rows)
    assert table["numpy"] == np.__version__
    assert {"hpsolver", "warp-lang", "torch", "cpu"} <= table.keys()
    assert table["jacobi"] == "yes"
    assert table["neural"] == "no: no weights"


def test_info_lists_every_preconditioner(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == OK
    listed = capsys.readouterr().out.partition("preconditioners\n")[2].split("\n")
    assert [row.split() for row in listed if row] == [[name, "yes"] for name in preconditioners.NAMES]
    assert {"dilu", "fsai", "spai"} <= preconditioners.NAMES.keys()


def test_solve_reports_and_converges(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert solve(files, "--tolerance", "1e-8") == OK
    table = dict(line.rsplit("  ", 1) for line in capsys.readouterr().out.splitlines())
    table = {name.strip(): value for name, value in table.items()}
    assert table["status"] == "converged"
    assert int(table["iterations"]) > 0
    assert float(table["true residual"]) <= 1e-8
    assert table["preconditioner"] == "jacobi"
    assert table["time, total"].endswith(" ms")
    assert np.load(files[2]).shape == SHAPE


def test_solve_matches_an_exact_solution(files: list[str]) -> None:
    """Under constant density a cosine is an eigenvector of the periodic operator."""
    n, h, density = SHAPE[0], 0.5, 2.0
    p = np.broadcast_to(np.cos(2 * np.pi * np.arange(n) / n)[:, None], SHAPE)
    np.save(files[0], np.full(SHAPE, density))
    np.save(files[1], p * (2 - 2 * np.cos(2 * np.pi / n)) / (density * h**2))
    assert solve(files, "--spacing", f"{h},0.25", "--boundary", "periodic:wall", "--tolerance", "1e-10") == OK
    np.testing.assert_allclose(np.load(files[2]), p, atol=1e-8)


def test_solve_passes_every_option_on(files: list[str]) -> None:
    options = ["--spacing", "0.5", "--boundary", "wall,open:periodic", "--face-average", "arithmetic"]
    assert solve(files, *options, "--precision", "float64", "--max-iterations", "500") == OK
    solver = Solver(
        SHAPE,
        spacing=0.5,
        boundary=(("wall", "open"), "periodic"),
        face_average="arithmetic",
        preconditioner="jacobi",
        precision="float64",
        max_iterations=500,
        device="cpu",
    )
    np.testing.assert_array_equal(np.load(files[2]), solver.step(np.load(files[0]), np.load(files[1])))


def test_unconverged_solve_fails_but_writes(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert solve(files, "--max-iterations", "1") == FAILED
    captured = capsys.readouterr()
    assert "max_iterations" in captured.out
    assert "not converged" in captured.err
    assert np.load(files[2]).shape == SHAPE


@pytest.mark.parametrize("which", [0, 1])
def test_missing_file(files: list[str], which: int, capsys: pytest.CaptureFixture[str]) -> None:
    Path(files[which]).unlink()
    assert solve(files) == FAILED
    assert files[which] in one_error_line(capsys)
    assert not Path(files[2]).exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY\x01\x00\x10\x00{'descr': "])
def test_not_an_npy_file(files: list[str], content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path(files[0]).write_bytes(content)
    assert solve(files) == FAILED
    assert files[0] in one_error_line(capsys)


def test_truncated_file(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path(files[1]).write_bytes(Path(files[1]).read_bytes()[:-8])
    assert solve(files) == FAILED
    assert files[1] in one_error_line(capsys)


@pytest.mark.parametrize(
    "density",
    [
        np.ones(8),
        np.ones((4, 4)),
        np.ones(SHAPE, dtype=np.int64),
        np.full(SHAPE, "x"),
        np.full(SHAPE, None, dtype=object),
    ],
    ids=["1d", "another shape", "integers", "text", "objects"],
)
def test_unusable_array(files: list[str], density: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(files[0], density)
    assert solve(files) == FAILED
    assert "density" in one_error_line(capsys)


def test_pressure_cannot_be_written(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(tmp_path / "missing" / "pressure.npy")
    assert solve([*files[:2], target]) == FAILED
    assert target in one_error_line(capsys)


@pytest.mark.parametrize(
    "options",
    [
        ["--preconditioner", "nonsense"],
        ["--precision", "nonsense"],
        ["--device", "nonsense"],
        ["--face-average", "nonsense"],
        ["--boundary", "nonsense"],
        ["--boundary", "wall:wall:wall"],
        ["--boundary", "wall,open"],
        ["--spacing", "-1"],
        ["--tolerance", "0"],
        ["--max-iterations", "-1"],
    ],
)
def test_value_that_the_solver_refuses(
    files: list[str], options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert solve(files, *options) == USAGE
    one_error_line(capsys)


@pytest.mark.parametrize(
    "argv",
    [[], ["nonsense"], ["solve"], ["solve", "a.npy", "b.npy", "c.npy", "--spacing", "wide"], ["info", "extra"]],
)
def test_malformed_command_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == USAGE
    assert "usage: hpsolver" in capsys.readouterr().err


def test_demo_gets_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    received = []
    example = SimpleNamespace(main=received.append)
    monkeypatch.setitem(sys.modules, "hpsolver.examples.rising_bubbles", example)
    monkeypatch.setattr(hpsolver.examples, "rising_bubbles", example, raising=False)
    assert main(["demo", "--shape", "64", "128", "--out", "folder"]) == OK
    assert received == [["--shape", "64", "128", "--out", "folder"]]


def test_warm_compiles_what_a_solver_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warm", "16x12", "--device", "cpu", "--preconditioner", "jacobi", "--moving"]) == OK
    assert "compiled and loaded in" in capsys.readouterr().out
    assert main(["warm", "16x0", "--device", "cpu"]) == USAGE
    assert "at least 1 cell" in capsys.readouterr().err
    assert main(["warm", "32x32", "--device", "cpu", "--preconditioner", "htp_paper", "--moving"]) == FAILED
    assert "cannot follow" in capsys.readouterr().err


@pytest.mark.parametrize("threads", [1, 2])
def test_after_warm_frames_compile_nothing(tmp_path: Path, threads: int) -> None:
    """In processes with a cache of their own, where the compiler has nothing to say."""
    program = (
        "import warp as wp, sys; wp.config.kernel_cache_dir = sys.argv[1]; wp.config.quiet = True\n"
        "from hpsolver.cli import main; from hpsolver import Solver; import numpy as np\n"
        "from pathlib import Path\n"
        "count = lambda: len(list(Path(sys.argv[1]).rglob('*.o')))\n"
        "threads = int(sys.argv[3])\n"
        "if sys.argv[2] == 'warm': main(['warm', '8x8x8', '--device', 'cpu', '--threads', sys.argv[3]])\n"
        "before, ones = count(), np.ones((12, 9, 8))\n"
        "solver = Solver(ones.shape, threads=threads, device='cpu')\n"
        "solver.step(ones, ones), solver.step(ones, ones)\n"
        "print(before > 0, count() - before)\n"
    )
    for what in ("warm", "run"):
        command = [sys.executable, "-c", program, str(tmp_path), what, str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "True 0", done.stdout + done.stderr
        assert ": warning:" not in done.stderr
