"""Time, iterations and memory from a thousand to a million cells, 2D and 3D, with the exponents of their growth.

The panel flow (contrast 5 to 100), every frame drawn anew. Rivals run one after the other, since a million cells of all
of them at once do not fit into memory. So look here for growth, and at ``bench.fps``, where rivals take turns, for who
is faster. A rival that should take too long at a size, by its own growth so far, is not run there; the table says so.
"""

from __future__ import annotations

import copy
import gc
import math
from collections.abc import Mapping, Sequence
from time import perf_counter

import numpy as np
from matplotlib.figure import Figure

from . import frames
from .harness import check, command, curves, machine, measure, memory, model, report, rivals
from .harness.rival import Rival

TOLERANCE = 1e-6
FIT_FROM = 4096
"""Cells from which growth is fitted; below, fixed costs dominate."""
MOST_ROUNDS, ROUNDS_SECONDS = 10, 0.2
"""The frames are solved for so many rounds or seconds; a rival that needs more seconds for one frame solves one."""
PLANE = [(32, 32), (64, 64), (128, 128), (256, 256), (512, 512), (1024, 1024)]
SPACE = [(16, 8, 8), (16, 16, 16), (32, 32, 32), (64, 64, 64), (128, 128, 64)]
LARGE = [(1024, 1024), (128, 128, 128)]
SCALES = {
    "quick": {
        "shapes": [(16, 16), (32, 32), (64, 64), (8, 8, 8), (16, 16, 16)],
        "frames": 2,
        "limit": 1.0,
        "on_gpu": [(32, 32)],
    },
    "default": {"shapes": PLANE + SPACE, "frames": 2, "limit": 3.0, "on_gpu": LARGE},
    "full": {"shapes": PLANE + SPACE, "frames": 4, "limit": 20.0, "on_gpu": LARGE},
}
ON_GPU = ("jacobi", "multigrid", "schwarz", "htp")
"""Whose memory is counted in the form that they take on a GPU."""
UNITS = [f"us an iteration, {card} (modelled)" for card in model.CARDS]
COUNTED = (
    "B/cell: arrays of the solver in the form that it takes on a GPU, its fallback included; no GPU is needed to count "
    f"them. {model.FORMULA}. The RTX 4090 moves 1 TB/s."
)


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("scaling", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    present, absent = rivals.split(rivals.select(rivals.everyone(options.device), options.only))
    progress = command.Progress("scaling:", len(plan["shapes"]) * len(present))
    with machine.one_thread() as threads:
        settings = {"tolerance": TOLERANCE, "max_iterations": measure.MAX_ITERATIONS, "fit_from": FIT_FROM} | plan
        found = report.result("scaling", options, threads, settings)
        found |= {"rivals": rivals.describe(present), "absent": absent, "rows": []}
        gc.freeze()  # ``memory.held`` need not look through older objects for every row
        for shape in plan["shapes"]:
            sequence = frames.drawn("panel", shape, plan["frames"])
            for rival in present:
                before = [row for row in found["rows"] if row["name"] == rival.name and len(row["shape"]) == len(shape)]
                found["rows"].append(_row(rival, shape, sequence, before, plan["limit"]))
                progress.step(f"{report.shape_text(shape)} {rival.name}")
        gc.unfreeze()
        found["on_gpu"] = [_on_gpu(name, shape) for shape in plan["on_gpu"] for name in ON_GPU]
    text = markdown(found)
    report.write(options.out, "scaling", found, text, _plot(found))
    print(text)
    return 0


def _on_gpu(name: str, shape: tuple[int, ...]) -> dict:
    """Bytes a cell, and microseconds of an iteration by card."""
    size, work = model.counted(name, shape)
    modelled = {card: 1e6 * work.seconds_at(bandwidth) for card, bandwidth in model.CARDS.items()}
    return {"name": name, "shape": shape, "bytes_per_cell": size, **modelled}


def _row(
    rival: Rival, shape: tuple[int, ...], sequence: Sequence[frames.Frame], before: Sequence[Mapping], limit: float
) -> dict:
    """One rival at one size; ``before`` are its rows at smaller sizes."""
    cells = math.prod(shape)
    row: dict[str, object] = {"name": rival.name, "shape": shape, "cells": cells}
    seconds = expected(before, cells)
    if seconds > limit:
        failure = f"dropped: about {report.number(seconds, 2)} s a frame expected, limit {limit:g} s"
        return row | {"failed": failure, "expected_ms": 1e3 * seconds}
    contender = copy.copy(rival)  # a copy, so that what it makes is freed with it
    memory.reset_peak()
    held, resident = memory.held(), memory.resident()
    run = measure.Run(contender)
    run.warm_up(sequence, TOLERANCE, limit, perf_counter)
    row["bytes_per_cell"] = (memory.held() - held) / cells or None
    top = memory.peak()
    row["peak_per_cell"] = (top - resident) / cells if top and resident else None
    matrices = [check.assemble(frame.density) for frame in sequence]
    begun = perf_counter()
    for turn in range(MOST_ROUNDS * len(sequence)):
        number = turn % len(sequence)
        whole_rounds = number == 0 or run.second > 1e3 * ROUNDS_SECONDS
        if run.failure or (turn and whole_rounds and perf_counter() - begun > ROUNDS_SECONDS):
            break
        run.time(number, perf_counter)
        run.judge(matrices[number], sequence[number].rhs, TOLERANCE)
    if math.isfinite(run.first):
        contender.close()
        row["expected_ms"] = run.second
    return row | run.summary()


def expected(before: Sequence[Mapping], cells: int) -> float:
    """Seconds a frame of ``cells`` should take by the growth over the last three sizes; 0 where there is no telling."""
    times = {row["cells"]: row.get("p50", row.get("expected_ms", math.nan)) for row in before}
    sizes = sorted(size for size, ms in times.items() if math.isfinite(ms))[-3:]
    if not sizes:
        return 0.0
    first, last = sizes[0], sizes[-1]
    growth = 1.0
    if first != last:
        growth = max(1.0, math.log(times[last] / times[first]) / math.log(last / first))
    return 1e-3 * times[last] * (cells / last) ** growth


def exponent(rows: Sequence[Mapping], quantity: str) -> float | None:
    """a of ``quantity`` ~ cells^a, least squares in logarithms; None with fewer than three sizes."""
    points = [(r["cells"], r[quantity]) for r in rows if not r["failed"] and r["cells"] >= FIT_FROM and r[quantity]]
    if len(points) < 3:
        return None
    cells, values = np.log(np.array(points, dtype=float)).T
    return float(np.polyfit(cells, values, 1)[0])


def markdown(found: Mapping) -> str:
    settings, rows = found["settings"], found["rows"]
    parts = [
        "# Scaling",
        report.preface(found),
        f"panel, contrast 5-100, true relative residual <= {settings['tolerance']:g}, checked after timing; medians of "
        f"{settings['frames']} frames or more (one where it takes above {ROUNDS_SECONDS:g} s), after two that are not "
        "timed. Exponents a of cells^a are least-squares fits from "
        f"{FIT_FROM} cells up. B/cell: bytes per cell of the solver's Warp and Torch arrays. peak B/cell: most "
        "resident memory added from construction to the second solution, code and compiler included: large at small "
        "sizes, and for whoever runs first.",
    ]
    for dimension in (2, 3):
        flat = [row for row in rows if len(row["shape"]) == dimension]
        if flat:
            parts += [f"## {dimension}D: growth", _growth(flat)]
            for quantity, title in _QUANTITIES.items():
                parts += [f"### {dimension}D: {title}", _by_size(flat, quantity)]
            parts += [f"### {dimension}D: not solved", _absences(flat)]
    parts += ["## On a GPU: memory, counted, and iterations, modelled", _counted(found["on_gpu"])]
    return "\n\n".join([*parts, report.participants(found["rivals"], found["absent"])])


_QUANTITIES = {
    "p50": "ms per frame",
    "update": "of these, update",
    "iterations": "iterations",
    "bytes_per_cell": "B/cell",
    "peak_per_cell": "peak B/cell",
}


def _names(rows: Sequence[Mapping]) -> list[str]:
    return list(dict.fromkeys(row["name"] for row in rows))


def _growth(rows: Sequence[Mapping]) -> str:
    lines = []
    for name in _names(rows):
        mine = [row for row in rows if row["name"] == name]
        solved = [row["cells"] for row in mine if not row["failed"]]
        exponents = [exponent(mine, quantity) for quantity in ("p50", "iterations")]
        texts = [None if a is None else f"{round(a, 2) + 0.0:.2f}" for a in exponents]  # + 0.0: no minus zero
        lines.append([name, *texts, max(solved, default=None)])
    return report.table(["solver", "time exponent", "iterations exponent", "largest solved [cells]"], lines)


def _by_size(rows: Sequence[Mapping], quantity: str) -> str:
    shapes = list(dict.fromkeys(tuple(row["shape"]) for row in rows))
    lines = []
    for name in _names(rows):
        by_shape = {tuple(row["shape"]): row for row in rows if row["name"] == name}
        values = [report.number(row.get(quantity)) if not (row := by_shape[s])["failed"] else None for s in shapes]
        lines.append([name, *values])
    return report.table(["solver", *map(report.shape_text, shapes)], lines)


def _counted(rows: Sequence[Mapping]) -> str:
    shapes = list(dict.fromkeys(tuple(row["shape"]) for row in rows))
    quantities = ["bytes_per_cell", *model.CARDS]
    heads = [f"{report.shape_text(shape)} {unit}" for shape in shapes for unit in ("B/cell", *UNITS)]
    lines = [
        [name, *(report.number(row[q]) for row in rows if row["name"] == name for q in quantities)] for name in ON_GPU
    ]
    return "\n\n".join([COUNTED, report.table(["solver", *heads], lines)])


def _absences(rows: Sequence[Mapping]) -> str:
    lines = [[r["name"], report.shape_text(r["shape"]), report.verdict(r["failed"])] for r in rows if r["failed"]]
    return report.table(["solver", "grid", "reason"], lines) if lines else "None."


def _plot(found: Mapping) -> Figure:
    panels: dict[str, dict] = {}
    for quantity, title in (("p50", "ms per frame"), ("iterations", "iterations")):
        for row in found["rows"]:
            series = panels.setdefault(f"{title}, panel {len(row['shape'])}D", {})
            if not row["failed"]:
                xs, ys = series.setdefault(row["name"], ([], []))
                xs.append(row["cells"])
                ys.append(row[quantity])
    return curves.plot(panels, "cells", "")


if __name__ == "__main__":
    raise SystemExit(main())
