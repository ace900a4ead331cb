"""What a user installs: the wheel's contents, and that it works without the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

pytestmark = pytest.mark.cpu

ROOT = Path(__file__).parents[1]
PACKAGES = {"hpsolver": "hpsolver", "kernels": "hpsolver/kernels", "trained_models": "hpsolver/trained_models"}
SHIPPED = {".py", ".h", ".safetensors", ".typed"}
HEAVY = {"cupy", "matplotlib", "scipy", "torch"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that nothing left in the checkout's build/ gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    leave = ignore_patterns(".*", "__pycache__", "*.egg-info", "bench", "build", "dist", "out", "tests")
    copytree(ROOT, folder / "source", ignore=leave)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "./source"]
    subprocess.run(command, cwd=folder, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel: a folder to put on sys.path."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_isolated(code: str, site: Path, cwd: Path) -> list[str]:
    """Runs code in a Python that looks in ``site`` before anywhere else, and not in the current folder."""
    prelude = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    command = [sys.executable, "-I", "-c", prelude + code]
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def test_only_hpsolver_is_importable(installed: Path) -> None:
    names = {path.name for path in installed.iterdir()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"hpsolver"}
    assert len(names) == 2


def test_every_source_file_is_shipped(installed: Path) -> None:
    """Fails when a new folder of hpsolver/ is missing from the packages listed in pyproject.toml."""
    expected = {
        f"{target}/{path.relative_to(ROOT / source).as_posix()}"
        for source, target in PACKAGES.items()
        for path in (ROOT / source).rglob("*")
        if path.suffix in SHIPPED
    }
    files = {path.relative_to(installed).as_posix() for path in (installed / "hpsolver").rglob("*") if path.is_file()}
    assert {name for name in files if Path(name).suffix != ".md"} == expected
    assert "hpsolver/py.typed" in files
    assert any(name.startswith("hpsolver/kernels/native/") and name.endswith(".h") for name in files)


def test_installed_package_imports_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = "import hpsolver, hpsolver.kernels.building as native, hpsolver.trained_models as models\n"
    code += "print(hpsolver.__file__, hpsolver.kernels.__file__, native.__file__, models.__file__, sep='\\n')"
    files = run_isolated(code, installed, tmp_path)
    assert len(files) == 4
    assert all(Path(file).is_relative_to(installed) for file in files)


def test_installed_package_solves_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    """With the headers of its kernels and the weights it ships, and without Torch."""
    code = "from hpsolver import Solver, problems; import sys\n"
    code += "for name in ('schwarz', 'htp', 'htp_paper'):\n"
    code += "    solver = Solver((16, 16), preconditioner=name, device='cpu')\n"
    code += "    solver.step(*problems.frame('panel', (16, 16), seed=0))\n"
    code += "    print(solver.info.status, solver.info.preconditioner, 'torch' in sys.modules)\n"
    lines = run_isolated(code, installed, tmp_path)
    assert lines[-3:] == [f"converged {name} False" for name in ("schwarz", "htp", "htp_paper")]


def test_import_leaves_optional_libraries_alone(tmp_path: Path) -> None:
    code = "import hpsolver, sys; print(*{name.partition('.')[0] for name in sys.modules}, sep='\\n')"
    names = set(run_isolated(code, ROOT, tmp_path))
    assert "hpsolver" in names
    assert not names & HEAVY


def test_versions_agree(wheel: Path) -> None:
    import hpsolver

    assert wheel.name.split("-")[1] == hpsolver.__version__
    assert f"\nversion: {hpsolver.__version__}\n" in (ROOT / "CITATION.cff").read_text()
