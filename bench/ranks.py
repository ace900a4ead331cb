"""What ranks that vary from leaf to leaf are worth in `schwarz`, and what they cost.

    python -m bench.ranks [--quick] [--full]        (default: a minute on one core)

Coarse functions chosen among 8 or 16 candidates, four on every leaf or four in the mean (`ranks="adaptive"`), beside
four and eight without a choice; red-black sweeps, the coarse problem solved exactly by all. Everyone solves the same
frames to 1e-8 in turn, and no frame twice in a row: medians over frames and rounds of iterations, of the update, of the
time of an iteration (the solve's time over its iterations, so what a frame does once weighs more where these are few)
and of both together.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from hpsolver import Solver
from hpsolver.preconditioners import Schwarz

from . import command, learned, machine, report

TOLERANCE = 1e-8
FORMS = {
    "4": {"coarse_size": 4, "candidates": 4},
    "8": {"coarse_size": 8, "candidates": 8},
    "4 of 8": {"coarse_size": 4, "candidates": 8},
    "4 of 8, adaptive": {"coarse_size": 4, "candidates": 8, "ranks": "adaptive"},
    "4 of 16": {"coarse_size": 4, "candidates": 16},
    "4 of 16, adaptive": {"coarse_size": 4, "candidates": 16, "ranks": "adaptive"},
}
MEASURES = ("iterations", "update ms", "us an iteration", "frame ms")
KINDS = (("bubbles", 1e3), ("film", 1e3), ("noise", 1e3), ("film", 1e5), ("noise", 1e5))
SCALES = {
    "quick": {"shapes": ((32, 16), (16, 8, 8)), "kinds": 1, "frames": 2, "rounds": 1},
    "default": {"shapes": ((128, 128), (32, 32, 32)), "kinds": len(KINDS), "frames": 4, "rounds": 5},
}
SCALES["full"] = SCALES["default"] | {"frames": 10, "rounds": 10}


def measure(plan: dict) -> Iterable[dict]:
    """Case by case, the medians of each form in the order of ``MEASURES``."""
    for shape in plan["shapes"]:
        solvers = {
            name: Solver(shape, preconditioner=Schwarz(levels=2, **options), tolerance=TOLERANCE, device="cpu")
            for name, options in FORMS.items()
        }
        for family, contrast in KINDS[: plan["kinds"]]:
            frames = learned.gallery(family, shape, plan["frames"], contrast)
            found: dict[str, list] = {name: [] for name in solvers}
            for turn in range(plan["rounds"] + 1):  # the first compiles
                for frame in frames:
                    for name, solver in solvers.items():
                        solver.step(frame.density, frame.rhs)
                        solver.info.raise_for_status()
                        count, times = solver.info.iterations, solver.info.timings
                        each = [count, times["update"], 1e3 * times["solve"] / count, times["update"] + times["solve"]]
                        found[name] += [each] * (turn > 0)
            case = {"shape": shape, "family": family, "contrast": contrast}
            yield case | {name: np.median(values, axis=0).tolist() for name, values in found.items()}


def ratios(rows: list[dict]) -> list[list]:
    """One line a dimension and number of candidates: adaptive over uniform ranks, geometric means and ranges."""
    lines = []
    for dimension in (2, 3):
        mine = [row for row in rows if len(row["shape"]) == dimension]
        for uniform in ("4 of 8", "4 of 16"):
            ratio = np.array([np.divide(row[f"{uniform}, adaptive"], row[uniform]) for row in mine])
            means, least, most = np.exp(np.log(ratio).mean(axis=0)), ratio.min(axis=0), ratio.max(axis=0)
            cells = [f"{a:.2f} ({b:.2f}-{c:.2f})" for a, b, c in zip(means, least, most, strict=True)]
            lines.append([f"{dimension}D", uniform, *cells])
    return lines


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("ranks", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("ranks: case", len(plan["shapes"]) * plan["kinds"])
    with machine.one_thread() as threads:
        found = report.result("ranks", options, threads, {"tolerance": TOLERANCE} | plan) | {"rows": []}
        for row in measure(plan):
            found["rows"].append(row)
            progress.step(f"{row['family']} {row['shape']}")
    text = markdown(found)
    report.write(options.out, "ranks", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    lines = []
    for row in found["rows"]:
        case = [report.shape_text(row["shape"]), row["family"], f"{row['contrast']:g}"]
        lines += [[*case, name, *map(report.number, row[name])] for name in FORMS]
    return "\n\n".join(
        [
            "# Ranks of leaves",
            report.preface(found),
            __doc__.split("\n\n", 2)[2].strip(),
            "## Adaptive over uniform ranks, mean over cases (least to most)",
            report.table(["", "functions", *MEASURES], ratios(found["rows"])),
            "## Case by case",
            report.table(["shape", "family", "contrast", "functions", *MEASURES], lines),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
