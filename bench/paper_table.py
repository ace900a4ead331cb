"""The published table beside ours: what arXiv 2605.13343 reports at five sizes, and what the same sizes take here.

Ours: panel frames, tolerance 1e-8, random zero-mean right-hand sides; iterations and milliseconds measured here. The
GPU column holds what ``bench.cuda_report`` measured, if it ever ran on a GPU; the *modelled* one is a formula.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from . import frames
from .harness import command, curves, machine, measure, model, published, report, rivals
from .harness.engine import Engine
from .harness.rival import Rival

TOLERANCE = 1e-8
SCALES = {
    "quick": {"sizes": list(published.SIZES)[:2], "frames": 2, "rounds": 1, "limit": 1.0},
    "default": {"sizes": list(published.SIZES), "frames": 4, "rounds": 2, "limit": 2.0},
    "full": {"sizes": list(published.SIZES), "frames": 20, "rounds": 2, "limit": 10.0},
}


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("paper_table", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    present, absent = rivals.split(rivals.select(rivals.everyone(options.device), options.only))
    progress = command.Progress("paper table: size", len(plan["sizes"]))
    with machine.one_thread() as threads:
        settings = {"tolerance": TOLERANCE, "max_iterations": measure.MAX_ITERATIONS} | plan
        found = report.result("paper_table", options, threads, settings)
        found |= {"rivals": rivals.describe(present), "absent": absent, "formula": model.FORMULA, "cases": []}
        for size in plan["sizes"]:
            found["cases"].append(_case(present, size, plan))
            progress.step(str(size))
    found["gpu"] = measured_on_gpu(options.out / "cuda_report.json")
    text = markdown(found)
    report.write(options.out, "paper_table", found, text, _plot(found))
    print(text)
    return 0


def _case(present: Sequence[Rival], size: int, plan: Mapping) -> dict:
    shape = published.SIZES[size]
    sequence = frames.drawn("panel", shape, plan["frames"])
    runs = measure.measure(present, sequence, TOLERANCE, plan["rounds"], limit=plan["limit"])
    rows = []
    for run in runs:
        row = run.summary()
        if isinstance(run.rival, Engine) and not row["failed"]:
            solver = model.on_gpu(run.rival.name, run.rival.preconditioner, shape)
            work = model.work(solver)
            row |= {"nodes": work.nodes, "bytes": work.bytes, "one_kernel": work.one_kernel}
            row["modelled_ms"] = 1e3 * work.seconds * row["iterations"]
            if solver.preconditioner.name in model.RENEWED:
                row["modelled_frame_ms"] = 1e3 * model.frame(solver, row["iterations"])
        rows.append(row)
    return {"cells": size, "shape": shape, "rows": rows}


def measured_on_gpu(path: Path) -> dict[str, dict[str, float]]:
    """Milliseconds per frame by grid and rival from a CUDA report at our tolerance; empty without one."""
    try:
        found = json.loads(path.read_text())
    except OSError:
        return {}
    if found["machine"] is None or found["machine"]["device"] == "cpu":
        return {}
    times: dict[str, dict[str, float]] = {}
    for part in found["parts"]:
        if part.get("flow") == "panel" and part.get("tolerance") == TOLERANCE:
            fine = {row["name"]: row["p50"] for row in part["rows"] if not row["failed"]}
            times.setdefault(report.shape_text(part["shape"]), {}).update(fine)
    return times


def markdown(found: Mapping) -> str:
    parts = [
        "# The published table and ours",
        report.preface(found),
        f"Ours: panel, contrast 5-100, true relative residual <= {found['settings']['tolerance']:g}, checked after "
        f"timing; median of {found['settings']['frames']} frames x {found['settings']['rounds']} rounds. "
        + published.COMPARISON,
        f"*modelled*: {found['formula']}.",
        "## Iterations",
        _iterations(found["cases"]),
    ]
    for case in found["cases"]:
        grid = report.shape_text(case["shape"])
        parts += [f"## N = {case['cells']:,} ({grid})", _table(case, found["gpu"].get(grid, {}))]
    notes = [f"[{number}] {text}" for number, text in published.NOTES.items()]
    return "\n\n".join([*parts, "## What is wrong with the comparison", *notes, _participants(found)])


def _participants(found: Mapping) -> str:
    return report.participants(found["rivals"], found["absent"])


def _marks(quote: published.Quote) -> str:
    return "".join(f" [{number}]" for number in quote.notes)


def _iterations(cases: Sequence[Mapping]) -> str:
    sizes = [case["cells"] for case in cases]
    rows = [
        [f"{quote.name}, published{_marks(quote)}", *(report.number(quote.results[size][0]) for size in sizes)]
        for quote in published.QUOTES
    ]
    for name in [row["name"] for row in cases[0]["rows"]]:
        mine = [next(row for row in case["rows"] if row["name"] == name) for case in cases]
        counts = ["failed" if row["failed"] else report.number(row["iterations"]) for row in mine]
        rows.append([name, *counts])
    return report.table(["", *(f"{size:,}" for size in sizes)], rows)


def _table(case: Mapping, on_gpu: Mapping[str, float]) -> str:
    heads = [
        "",
        "iterations",
        "published ms (H200)",
        "our ms here",
        "GPU ms",
        "modelled GPU ms (solve alone)",
        "modelled GPU ms (frame)",
        "modelled from",
    ]
    rows: list[list[object]] = []
    for quote in published.QUOTES:
        iterations, ms = quote.results[case["cells"]]
        rows.append([f"{quote.name}{_marks(quote)}", report.number(iterations), ms, *[None] * 5])
    for row in case["rows"]:
        if row["failed"]:
            rows.append([row["name"], None, None, report.verdict(row["failed"]), *[None] * 4])
            continue
        gpu = report.number(on_gpu.get(row["name"])) or None
        origin = None
        if "nodes" in row:
            parts = "phases of one kernel" if row["one_kernel"] else "nodes"
            origin = f"{row['nodes']} {parts}, {row['bytes'] / 1e6:.2f} MB"
        line = [row["name"], report.number(row["iterations"]), None, report.number(row["p50"]), gpu]
        modelled = [report.number(row.get(key)) for key in ("modelled_ms", "modelled_frame_ms")]
        rows.append([*line, *modelled, origin])
    return report.table(heads, rows)


def _plot(found: Mapping) -> Figure:
    sizes = found["settings"]["sizes"]
    series: dict[str, tuple[list, list]] = {}
    for quote in published.QUOTES:
        series[f"{quote.name}, published"] = (sizes, [quote.results[size][0] for size in sizes])
    for case in found["cases"]:
        for row in case["rows"]:
            if not row["failed"] and row["iterations"] > 1:
                xs, ys = series.setdefault(row["name"], ([], []))
                xs.append(case["cells"])
                ys.append(row["iterations"])
    names = [f"{published.QUOTES[0].name}, published", "htp_paper", *curves.COLORS]
    return curves.plot(
        {f"iterations, panel, {found['settings']['tolerance']:g}": series}, "cells", "iterations", names=names
    )


if __name__ == "__main__":
    raise SystemExit(main())
