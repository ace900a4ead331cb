"""The command line: ``hpsolver demo``, ``hpsolver solve``, ``hpsolver warm``, ``hpsolver train`` and ``hpsolver info``.

Exit codes: 0 when done, which for ``solve`` means converged; 2 for a command line that cannot be carried out as
written; 1 for everything else. Modules that need NumPy or Warp are imported by the commands that use them.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from hpsolver import Solver

OK, FAILED, USAGE = 0, 1, 2


class CommandError(Exception):
    """Ends a command with a one-line message and an exit code."""

    def __init__(self, message: object, code: int = FAILED):
        super().__init__(" ".join(str(message).split()))
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the words after the program's name; those of this process when None.

    Returns:
        The exit code. A command line that argparse refuses raises ``SystemExit(2)`` instead.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["demo"]:
        return _demo(argv[1:])  # the example reads its own options, --help included
    args = vars(_parser().parse_args(argv))
    command = args.pop("command")
    try:
        return _COMMANDS[command](**args)
    except CommandError as error:
        print(f"hpsolver {command}: error: {error}", file=sys.stderr)
        return error.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hpsolver",
        description="Pressure Poisson solver for variable-density flow.",
        epilog="The benchmark is run from the repository, not from an installation: make bench.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "demo",
        help="run the rising bubbles, 'demo --ranks N' in N processes, or 'demo liquid', 'smoke' or 'learn_force' "
        "(options: --help)",
    )
    commands.add_parser("info", help="versions, devices, and the preconditioners that can be used here")

    solve = commands.add_parser(
        "solve",
        help="solve for the pressure of a density and a right-hand side read from .npy files",
        description="Solves -div((1/density) grad p) = rhs on the cells of a 2D or 3D grid, axes as in the arrays. "
        "Options left out take the defaults of hpsolver.Solver. The times are those of a first frame, which also loads "
        "the kernels, and compiles them once per machine.",
        epilog="Exit code: 0 converged, 1 not converged or files that cannot be used, 2 bad usage.",
        argument_default=argparse.SUPPRESS,
    )
    solve.add_argument("density", metavar="DENSITY.npy", help="density of each cell")
    solve.add_argument("rhs", metavar="RHS.npy", help="right-hand side of each cell, same shape")
    solve.add_argument("pressure", metavar="PRESSURE.npy", help="file to write the pressure to")
    _add_solver_options(solve)

    warm = commands.add_parser(
        "warm",
        help="compile all kernels that a solver needs, in parallel, so that no program waits for them later",
        description="Compiles what hpsolver.Solver needs for a grid, in parallel, into Warp's cache on this machine. "
        "Options left out take the solver's defaults.",
        argument_default=argparse.SUPPRESS,
    )
    warm.add_argument("shape", type=_shape, metavar="SHAPE", help="cells: 256x256, 64x64x64; most kernels do for any")
    warm.add_argument("--moving", action="store_true", default=False, help="also for solids and surfaces given to step")
    warm.add_argument("--threads", type=int, metavar="N", help="for a solver of so many threads of a CPU")
    _add_solver_options(warm)

    train = commands.add_parser(
        "train",
        help="train the weights of a neural preconditioner",
        description="Trains the weights of a neural preconditioner. A run that was stopped goes on where it was. "
        "Several processes or GPUs: torchrun --nproc-per-node N -m hpsolver train ...",
    )
    train.add_argument("name", metavar="NAME", help="a training of hpsolver.network.presets, such as htp_paper_1024")
    train.add_argument("--out", required=True, metavar="FOLDER", help="where weights, log and state go")
    train.add_argument(
        "--set",
        action="append",
        default=[],
        dest="changes",
        metavar="KEY=VALUE",
        help="change a setting, the value in JSON: run.steps=100, task.network.width=128",
    )
    return parser


def _add_solver_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spacing", type=_spacing, metavar="H[,H...]", help="cell size, or one per axis: 0.1,0.2")
    parser.add_argument(
        "--boundary",
        type=_boundary,
        metavar="SIDES",
        help="wall, open or periodic for every side; or one entry per axis joined by ':', each a word or LOW,HIGH: "
        "periodic:wall,open",
    )
    parser.add_argument("--face-average", metavar="NAME", help="density on a face: harmonic or arithmetic mean")
    parser.add_argument("--preconditioner", metavar="NAME", help="one of those that 'hpsolver info' lists")
    parser.add_argument("--tolerance", type=float, metavar="X", help="relative residual to reach")
    parser.add_argument("--max-iterations", type=int, metavar="N", help="iterations to stop after")
    parser.add_argument("--precision", metavar="NAME", help="arithmetic of the iteration, such as mixed")
    parser.add_argument("--device", metavar="NAME", help="one of those that 'hpsolver info' lists")


def _shape(text: str) -> tuple[int, ...]:
    """``256x256``."""
    return tuple(int(word) for word in text.split("x"))


def _spacing(text: str) -> float | tuple[float, ...]:
    """``0.1`` or ``0.1,0.2``."""
    steps = tuple(float(word) for word in text.split(","))
    return steps if len(steps) > 1 else steps[0]


def _boundary(text: str) -> str | tuple[str | tuple[str, ...], ...]:
    """``wall``, or per axis: ``periodic:wall,open`` is ``("periodic", ("wall", "open"))``."""
    axes = tuple(tuple(axis.split(",")) if "," in axis else axis for axis in text.split(":"))
    return text if axes == (text,) else axes


def _demo(argv: list[str]) -> int:
    import importlib

    name, options = "rising_bubbles", argv
    if argv and argv[0] in ("liquid", "smoke", "learn_force"):
        name, options = argv[0], argv[1:]
    elif any(word.startswith("--ranks") for word in argv):
        name = "shared_bubbles"
    example = importlib.import_module(f"hpsolver.examples.{name}")
    code: int = example.main(options)
    return code or OK


def _solve(*, density: str, rhs: str, pressure: str, **options: object) -> int:
    rho, b = _read(density), _read(rhs)
    if rho.shape != b.shape:
        raise CommandError(f"{density} has shape {rho.shape}, but {rhs} has shape {b.shape}")
    solver = _make_solver(rho.shape, options)
    try:
        p = solver.step(rho, b)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CommandError(error) from error
    _write(pressure, p)

    info = solver.info
    lines = {
        "status": info.status.name.lower(),
        "iterations": info.iterations,
        "true residual": f"{info.residual:.3e}",
        "rhs mean removed": f"{info.rhs_mean_removed:.3e}",
        "preconditioner": info.preconditioner + (" (fallback)" if info.fallback else ""),
        **{f"time, {name}": f"{ms:.3f} ms" for name, ms in info.timings.items()},
        "pressure": pressure,
    }
    _print_table(lines)
    if not info.converged:
        raise CommandError(f"not converged: {info.status.advice}")
    return OK


def _warm(*, shape: tuple[int, ...], moving: bool, **options: object) -> int:
    import time

    import numpy as np

    solver = _make_solver(shape, options)
    begun = time.perf_counter()
    masks: dict[str, Any] = {"solid": np.zeros(shape, bool), "air": np.zeros(shape, bool)} if moving else {}
    try:
        for dtype in (np.float32, np.float64):
            solver.step(np.ones(shape, dtype), np.zeros(shape, dtype), **masks)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CommandError(error) from error
    print(f"compiled and loaded in {time.perf_counter() - begun:.1f} s; the next process finds them compiled")
    return OK


def _make_solver(shape: tuple[int, ...], options: dict[str, Any]) -> Solver:
    from hpsolver import Solver

    try:
        return Solver(shape, **options)
    except (TypeError, ValueError) as error:
        raise CommandError(error, USAGE) from error
    except (ImportError, RuntimeError) as error:
        raise CommandError(error) from error


def _read(path: str) -> np.ndarray:
    """The 2D or 3D array in a .npy file."""
    import numpy as np

    try:
        with open(path, "rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path} is not an array in .npy format: {error}") from error
    if array.ndim not in (2, 3):
        raise CommandError(f"{path} has shape {array.shape}, not 2 or 3 axes")
    return array


def _write(path: str, array: np.ndarray) -> None:
    import numpy as np

    try:
        with open(path, "wb") as file:
            np.save(file, array)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


def _train(*, name: str, out: str, changes: list[str]) -> int:
    import json

    from hpsolver.network.presets import configured
    from hpsolver.training import train

    settings = {}
    for change in changes:
        key, _, value = change.partition("=")
        try:
            settings[key] = json.loads(value)
        except json.JSONDecodeError:
            settings[key] = value
    try:
        task, run = configured(name, settings)
    except ValueError as error:
        raise CommandError(error, USAGE) from error
    try:
        best = train(task, run, out)
    except (OSError, ValueError) as error:
        raise CommandError(error) from error
    _print_table({**best, "weights": f"{out}/best.safetensors"})
    return OK


def _info() -> int:
    import warp as wp

    from hpsolver import preconditioners

    packages = ("hpsolver", "warp-lang", "torch", "numpy")
    _print_table({"python": platform.python_version(), **{name: _version(name) for name in packages}})
    print("\ndevices")
    _print_table({device.alias: device.name for device in wp.get_devices()}, indent=2)
    print("\npreconditioners")
    reasons = preconditioners.available()
    _print_table({name: f"no: {reason}" if reason else "yes" for name, reason in reasons.items()}, indent=2)
    return OK


def _version(package: str) -> str:
    """The installed version, read without importing the package."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _print_table(lines: dict[str, object], indent: int = 0) -> None:
    width = max(map(len, lines), default=0)
    for name, value in lines.items():
        print(f"{'':{indent}}{name:<{width}}  {value}")


_COMMANDS: dict[str, Callable[..., int]] = {"solve": _solve, "warm": _warm, "train": _train, "info": _info}
