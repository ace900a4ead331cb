"""Milliseconds and frames per second: every preconditioner and library on the same sequences of frames.

Flows (bench/frames.py): panel (the published data set) and noise (torn phases at 1000:1) draw every frame anew; bubbles
and film move a two-phase flow at 1000:1 from frame to frame. Times include whatever depends on the density: assembly,
preconditioner, factors.
"""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from . import frames
from .harness import command, curves, machine, measure, report, rivals
from .harness.bare import BareLoop

TOLERANCE = 1e-6
REFERENCE = "multigrid"
"""The solver that others are compared with: what the library's default begins with."""
PLANE = ((32, 32), (64, 32), (64, 64), (128, 64), (128, 128))
SPACE = ((16, 16, 16), (32, 16, 16))
CASES = [("panel", shape) for shape in PLANE]
CASES += [("bubbles", shape) for shape in (*PLANE, *SPACE)]
CASES += [("film", (128, 128)), ("noise", (128, 128)), ("panel", (32, 16, 16))]
SCALES = {
    "quick": {"cases": [("panel", (32, 32)), ("bubbles", (16, 16, 16))], "frames": 2, "rounds": 2, "limit": 1.0},
    "default": {"cases": CASES, "frames": 10, "rounds": 2, "limit": 0.5},
    "full": {
        "cases": [*CASES, ("film", (128, 64)), ("film", (32, 16, 16)), ("bubbles", (32, 32, 32))],
        "frames": 25,
        "rounds": 4,
        "limit": 10.0,
    },
}


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("fps", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    present, absent = rivals.split(rivals.select(rivals.everyone(options.device), options.only))
    progress = command.Progress("fps: case", len(plan["cases"]))
    with machine.one_thread() as threads:
        settings = {"tolerance": TOLERANCE, "max_iterations": measure.MAX_ITERATIONS} | plan
        found = report.result("fps", options, threads, settings)
        found |= {"rivals": rivals.describe(present), "absent": absent, "cases": []}
        for flow, shape in plan["cases"]:
            found["cases"].append(_case(present, flow, shape, plan))
            progress.step(f"{flow} {report.shape_text(shape)}")
    text = markdown(found)
    report.write(options.out, "fps", found, text, _plot(found))
    print(text)
    return 0


def _case(present: list, flow: str, shape: tuple[int, ...], plan: dict) -> dict:
    sequence = frames.FLOWS[flow](shape, plan["frames"])
    bare = BareLoop(shape) if len(shape) == 2 else None
    also = [bare.time] if bare else []
    runs = measure.measure(present, sequence, TOLERANCE, plan["rounds"], limit=plan["limit"], also=also)
    rows = measure.rows(runs, REFERENCE)
    case = {"flow": flow, "shape": shape, "contrast": frames.CONTRASTS[flow], "rows": rows}
    jacobi = next((row for row in rows if row["name"] == "jacobi" and not row["failed"]), None)
    if bare and jacobi:
        estimate = jacobi["iterations"] * bare.milliseconds
        case["bare"] = {
            "us_per_iteration": 1e3 * bare.milliseconds,
            "ms": estimate,
            "jacobi_over_bare": jacobi["p50"] / estimate,
        }
    return case


def markdown(found: dict) -> str:
    parts = [
        "# Frame times",
        report.preface(found),
        f"Every pressure's true relative residual is <= {found['settings']['tolerance']:g}, checked after timing; "
        f"{found['settings']['frames']} frames, {found['settings']['rounds']} rounds, rivals in turn. update and solve "
        f"are medians of their own; update holds all that depends on the density. x {REFERENCE}: median ratio to its "
        "times in the same turns, the figure that a busy machine changes least.",
    ]
    for case in found["cases"]:
        parts.append(f"## {case['flow']} {report.shape_text(case['shape'])}, contrast {case['contrast']}")
        parts.append(report.times_table(case["rows"], REFERENCE))
        if "bare" in case:
            bare = case["bare"]
            parts.append(
                f"Bare native loop, as many iterations as jacobi: {report.number(bare['ms'])} ms "
                f"({report.number(bare['us_per_iteration'])} us each); jacobi takes {bare['jacobi_over_bare']:.2f} "
                "times that."
            )
    return "\n\n".join([*parts, report.participants(found["rivals"], found["absent"])])


def _plot(found: dict) -> Figure:
    panels: dict[str, dict] = {}
    for case in found["cases"]:
        series = panels.setdefault(f"{case['flow']} {len(case['shape'])}D, contrast {case['contrast']}", {})
        cells = math.prod(case["shape"])
        for row in case["rows"]:
            if not row["failed"]:
                xs, ys = series.setdefault(row["name"], ([], []))
                xs.append(cells)
                ys.append(row["p50"])
    lines = {title: series for title, series in panels.items() if any(len(xs) > 1 for xs, _ in series.values())}
    return curves.plot(lines or panels, "cells", "ms per frame")


if __name__ == "__main__":
    raise SystemExit(main())
