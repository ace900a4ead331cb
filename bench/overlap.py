"""What overlap is worth: ``schwarz`` with and without it, and domain-decomposition attention, full and of low rank.

Iterations to 1e-8, floating-point operations per cell and iteration, and times, all in turn on the same frames: the
median over frames of each one's fastest round. The operations are those of the CPU's form: banded solves of leaves,
windows and coarse matrix, two products with each low-rank factor, transfers, and CG itself. ``dd_attention`` has one
layer of overlap; of full rank it is the row *overlap 1, additive* under another name. Its low ranks find their factors
by an eigenvalue problem per window, which is their update; what counts of them is iterations and operations.

All but ``schwarz``, the default, have leaves of 128 cells and, unless the name says otherwise, 8 functions each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hpsolver import Solver
from hpsolver.preconditioners import DDAttention, Preconditioner, Schwarz
from hpsolver.preconditioners.dd_attention import RANKS

from . import command, frames, machine, measure, report
from .engine import Engine

TOLERANCE = 1e-8
SMALL, LONG, SPACE = (64, 64), (128, 64), (16, 16, 16)
CASES = [(family, shape, contrast) for family, contrast in (("panel", None), ("noise", 1e3)) for shape in (SMALL, LONG)]
CASES += [(family, shape, 1e3) for family in ("bubbles", "film") for shape in (SMALL, LONG)]
CASES += [("bubbles", SPACE, 1e3), ("bubbles", SMALL, 1e5), ("noise", SMALL, 1e5)]
SCALES = {
    "quick": {"cases": [("panel", (32, 16), None), ("bubbles", (8, 8, 8), 1e3)], "frames": 2, "rounds": 1},
    "default": {"cases": CASES, "frames": 5, "rounds": 5},
    "full": {"cases": CASES, "frames": 20, "rounds": 5},
}
PLAIN = {"deflated": "schwarz, deflated", "additive": "schwarz, additive"}
"""The forms without overlap."""
JUDGED = {
    "overlap 1, additive": "one layer, additive (`dd_attention`)",
    "overlap 1, deflated": "one layer, deflated",
    "overlap 2, deflated": "two layers, deflated",
    "dd_attention, rank 32": "one layer, rank 32 (update not counted)",
    "schwarz, red-black": "no overlap, but red-black sweeps",
}
"""What the conclusion is about."""


def rivals() -> dict[str, Preconditioner]:
    """By the names of the tables."""
    equal = {"sweep": "additive", "leaf_size": 128}
    forms = {form: {"deflated": form == "deflated"} | equal for form in PLAIN}
    chosen: dict[str, Preconditioner] = {"schwarz": Schwarz(), "schwarz, red-black": Schwarz(8)}
    chosen |= {PLAIN[form]: Schwarz(8, **options) for form, options in forms.items()}
    chosen |= {"schwarz, additive, 16 functions": Schwarz(16, **forms["additive"])}
    chosen |= {
        f"overlap {overlap}, {form}": Schwarz(8, overlap=overlap, **options)
        for form, options in forms.items()
        for overlap in (1, 2)
    }
    return chosen | {f"dd_attention, rank {rank}": DDAttention(rank=rank) for rank in RANKS}


def operations(solver: Solver) -> float:
    """Floating-point operations of an iteration, per cell of the grid."""
    preconditioner, bricks, grid = solver.preconditioner, solver.system.bricks, solver.grid
    assert isinstance(preconditioner, Schwarz)
    windows, R = preconditioner.windows, preconditioner.coarse_size
    stencil = 2 * (bricks.directions + 1)
    if windows is None:
        colors = [len(color) for color in bricks.colors] if preconditioner.sweep == "redblack" else [bricks.leaves]
        visits = 2 * sum(colors) - colors[-1]  # up through the colours and down again
        near = visits * bricks.leaf_size * (4 * bricks.halfwidth + 1)
    else:
        count, size = windows.cells.shape
        halfwidth = size // windows.extent[3 - grid.dimension]
        near = count * size * (4 * windows.rank if windows.rank else 4 * halfwidth + 1)
        near += bricks.size * stencil * preconditioner.deflated
    far = bricks.size * 4 * R + bricks.leaves * R * (4 * (bricks.leaf_reach + 1) * R + 1)
    return (near + far) / grid.cells + stencil + 12


def solved(case: tuple, plan: Mapping) -> list[dict]:
    """The rows of one case."""
    family, shape, contrast = case
    sequence = frames.drawn(family, shape, plan["frames"], contrast)
    engines = [Engine(name, preconditioner) for name, preconditioner in rivals().items()]
    work = {e.name: operations(Solver(shape, preconditioner=e.preconditioner, device="cpu")) for e in engines}
    runs = measure.measure(engines, sequence, TOLERANCE, plan["rounds"])
    rows = measure.rows(runs, "schwarz")
    for run, row in zip(runs, rows, strict=True):
        if not row["failed"]:
            row |= {phase: undisturbed(getattr(run, phase), len(sequence)) for phase in ("update", "solve")}
        row |= {"family": family, "shape": shape, "contrast": contrast, "flops": work[row["name"]]}
    return rows


def undisturbed(times: Sequence[float], count: int) -> float:
    """Median over ``count`` frames of each one's fastest round: a busy machine makes a long frame longer still."""
    return float(np.median(np.reshape(times, (-1, count)).min(axis=0)))


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("overlap", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("overlap: case", len(plan["cases"]))
    with machine.one_thread() as threads:
        found = report.result("overlap", options, threads, {"tolerance": TOLERANCE} | plan)
        found["rows"] = []
        for case in plan["cases"]:
            found["rows"] += solved(case, plan)
            progress.step(f"{case[0]} {report.shape_text(case[1])}")
    found["compared"] = compared(found["rows"])
    text = markdown(found)
    report.write(options.out, "overlap", found, text)
    print(text)
    return 0


def compared(rows: Sequence[Mapping]) -> list[dict]:
    """Every form over the additive or deflated one without overlap, by dimension: geometric means over cases, and the
    range of the iterations' ratio. The red-black ones are deflated."""
    found = []
    for dimension in (2, 3):
        for name in rivals():
            deflated = "deflated" in name or name in ("schwarz", "schwarz, red-black")
            plain = PLAIN["deflated" if deflated else "additive"]
            if name == plain:
                continue
            pairs = [
                (row, next(r for r in rows if r["name"] == plain and _case(r) == _case(row)))
                for row in rows
                if row["name"] == name and len(row["shape"]) == dimension
            ]
            pairs = [pair for pair in pairs if not pair[0]["failed"] and not pair[1]["failed"]]
            if not pairs:
                continue
            iterations = [a["iterations"] / b["iterations"] for a, b in pairs]
            flops = [a["flops"] / b["flops"] for a, b in pairs]
            solve = [a["solve"] / b["solve"] for a, b in pairs]
            means = {"iterations": _mean(iterations), "operations": _mean(flops)}
            means |= {"product": means["iterations"] * means["operations"], "solve time": _mean(solve)}
            extremes = {"least": min(iterations), "most": max(iterations)}
            found.append({"name": name, "over": plain, "dimension": dimension} | means | extremes)
    return found


def _case(row: Mapping) -> tuple:
    return row["family"], tuple(row["shape"]), row["contrast"]


def _mean(ratios: Sequence[float]) -> float:
    return math.exp(float(np.mean(np.log(ratios))))


def markdown(found: Mapping) -> str:
    parts = ["# Overlap", report.preface(found), __doc__.split("\n\n", 1)[1].strip()]
    parts += ["## What it comes to", verdict(found["compared"]), _ratios(found["compared"])]
    for case in dict.fromkeys(map(_case, found["rows"])):
        rows = [row for row in found["rows"] if _case(row) == case]
        family, shape, contrast = case
        density = "5-100" if contrast is None else f"{contrast:g}"
        parts += [f"## {family} {report.shape_text(shape)}, contrast {density}", _table(rows)]
    return "\n\n".join(parts)


def verdict(ratios: Sequence[Mapping]) -> str:
    """The conclusion, with the figures of this run."""
    lines = []
    for row in ratios:
        if row["name"] not in JUDGED:
            continue
        pays = "pays" if row["product"] < 1 and row["solve time"] < 1 else "does not pay"
        lines.append(
            f"- {row['dimension']}D, {JUDGED[row['name']]}: {row['iterations']:.2f} times the iterations of "
            f"`{row['over']}` ({row['least']:.2f} to {row['most']:.2f}), each of {row['operations']:.2f} times the "
            f"operations; {row['solve time']:.2f} times the solve time. It {pays}."
        )
    return "\n".join(lines)


def _ratios(rows: Sequence[Mapping]) -> str:
    heads = ["form", "over", "", "iterations", "least to most", "operations", "iterations x operations", "solve time"]
    lines = []
    for row in rows:
        ratios = [f"{row[key]:.2f}" for key in ("operations", "product", "solve time")]
        spread = f"{row['least']:.2f} to {row['most']:.2f}"
        lines.append([row["name"], row["over"], f"{row['dimension']}D", f"{row['iterations']:.2f}", spread, *ratios])
    return report.table(heads, lines)


def _table(rows: Sequence[Mapping]) -> str:
    heads = ["preconditioner", "iterations", "worst", "flops a cell", "times iterations", "update ms", "solve ms"]
    lines = []
    for row in rows:
        counts = [report.number(row["iterations"]), row["worst_iterations"], report.number(row["flops"])]
        if row["failed"]:
            lines.append([row["name"], *counts, None, None, None, report.verdict(row["failed"])])
            continue
        total = report.number(row["flops"] * row["iterations"])
        remarks = ", ".join(f"{text} ({count})" for text, count in row["remarks"].items())
        lines.append([row["name"], *counts, total, *(report.number(row[k]) for k in ("update", "solve")), remarks])
    return report.table([*heads, "remarks"], lines)


if __name__ == "__main__":
    raise SystemExit(main())
