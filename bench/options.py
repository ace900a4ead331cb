"""Which options of `schwarz` are fastest: functions of a leaf, candidates to choose them from, cells of a leaf.

All choices sweep red-black and solve the same frames in turn, for several rounds. A frame's time, from new density to
pressure, is the fastest of its rounds, which a busy machine changes least. Times and iterations are divided by those of
8 functions on leaves of 128: geometric mean over the cases, and largest. "4 of 8" functions are chosen among 8
candidates; "4" are the first four. The default is 4 on 64 up to 20,000 cells in 2D, and 4 of 8 on 128 beyond and in 3D.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

import numpy as np

from hpsolver import Solver
from hpsolver.preconditioners import Schwarz

from . import learned
from .harness import command, machine, report

TOLERANCE = 1e-6
BASE = "8 on 128"
DEFAULT = "default"
CHOICES = {
    DEFAULT: {},
    BASE: {"coarse_size": 8, "leaf_size": 128},
    "4 on 128": {"coarse_size": 4, "candidates": 4, "leaf_size": 128},
    "4 on 64": {"coarse_size": 4, "candidates": 4, "leaf_size": 64},
    "8 on 64": {"coarse_size": 8, "leaf_size": 64},
    "4 of 8 on 128": {"coarse_size": 4, "candidates": 8, "leaf_size": 128},
    "4 of 8 on 64": {"coarse_size": 4, "candidates": 8, "leaf_size": 64},
    "8 of 16 on 128": {"coarse_size": 8, "candidates": 16, "leaf_size": 128},
}
KINDS = (
    ("panel", None),
    ("bubbles", 1e3),
    ("bubbles", 1e5),
    ("film", 1e3),
    ("film", 1e5),
    ("noise", 1e3),
    ("noise", 1e5),
)
SCALES = {
    "quick": {"shapes": ((32, 16), (8, 8, 8)), "kinds": 1, "frames": 1, "rounds": 1},
    "default": {
        "shapes": ((64, 64), (128, 128), (256, 256), (16, 16, 16), (32, 32, 32)),
        "kinds": len(KINDS),
        "frames": 3,
        "rounds": 4,
    },
}
SCALES["full"] = SCALES["default"] | {"frames": 6, "rounds": 6}


def measure(plan: dict) -> Iterable[dict]:
    """Case by case: milliseconds and iterations of each choice."""
    for shape in plan["shapes"]:
        solvers = {
            name: Solver(shape, preconditioner=Schwarz(**options), tolerance=TOLERANCE, device="cpu")
            for name, options in CHOICES.items()
        }
        for family, contrast in KINDS[: plan["kinds"]]:
            frames = learned.gallery(family, shape, plan["frames"], contrast)
            times = {name: np.full(len(frames), np.inf) for name in solvers}
            counts = {name: np.zeros(len(frames)) for name in solvers}
            for _ in range(plan["rounds"] + 1):  # the first compiles
                for k, frame in enumerate(frames):
                    for name, solver in solvers.items():
                        begun = perf_counter()
                        solver.step(frame.density, frame.rhs)
                        times[name][k] = min(times[name][k], (perf_counter() - begun) * 1e3)
                        solver.info.raise_for_status()
                        counts[name][k] = solver.info.iterations
            row = {"shape": shape, "family": family, "contrast": contrast}
            yield row | {name: [float(times[name].mean()), float(counts[name].mean())] for name in solvers}


def summary(rows: list[dict], dimension: int) -> list[list[str]]:
    """A line for each choice: time and iterations over those of ``BASE``."""
    mine = [row for row in rows if len(row["shape"]) == dimension]
    lines = []
    for name in CHOICES:
        ratios = np.array([np.divide(row[name], row[BASE]) for row in mine])
        means, most = np.exp(np.log(ratios).mean(axis=0)), ratios.max(axis=0)
        marked = f"**{name}**" if name == DEFAULT else name
        lines.append(
            [f"{dimension}D", marked, *(f"{mean:.2f} ({worst:.2f})" for mean, worst in zip(means, most, strict=True))]
        )
    return lines


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("options", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("options: case", len(plan["shapes"]) * plan["kinds"])
    with machine.one_thread() as threads:
        found = report.result("options", options, threads, {"tolerance": TOLERANCE} | plan) | {"rows": []}
        for row in measure(plan):
            found["rows"].append(row)
            progress.step(f"{row['family']} {row['shape']}")
    text = markdown(found)
    report.write(options.out, "options", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    rows = found["rows"]
    overall = [line for dimension in (2, 3) for line in summary(rows, dimension)]
    cases = [
        [report.shape_text(row["shape"]), row["family"], "5-100" if row["contrast"] is None else f"{row['contrast']:g}"]
        + [f"{row[name][0]:.3g} ({row[name][1]:.1f})" for name in CHOICES]
        for row in rows
    ]
    return "\n\n".join(
        [
            "# Options of schwarz",
            report.preface(found),
            __doc__.split("\n\n", 1)[1].strip(),
            report.table(["", "functions on leaves of", "time, mean (largest)", "iterations, mean (largest)"], overall),
            "Milliseconds a frame (iterations) to a true relative residual of 1e-6:",
            report.table(["shape", "family", "contrast", *CHOICES], cases),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
