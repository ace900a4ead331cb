"""What the CUDA report says: its tables, and the picture of its times."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from . import cuda_parts, curves, report


def markdown(found: Mapping) -> str:
    parts = ["# CUDA report", f"Made by `{found['command']}`."]
    if found["machine"]:
        parts[1:] = [report.preface(found | {"machine": found["machine"]})]
    by_kind: dict[str, list[Mapping]] = defaultdict(list)
    for part in found["parts"]:
        by_kind[part["kind"]].append(part)
    parts += ["## Parts", _parts(found["parts"]), "## Environment"]
    for part in by_kind["environment"]:
        parts.append("```\n" + json.dumps({k: part.get(k) for k in _ENVIRONMENT}, indent=1) + "\n```")
    parts += [
        "## Answers",
        "Against the CPU's: iterations may differ by rounding, by more than 2 + 10 % they are marked. difference: "
        "||p - p_cpu|| / ||p_cpu||. graph = eager, pieces = graph, repeats: bit for bit; pieces is the frame cut at "
        "its loops, as drivers without conditional nodes need it. ms: medians, copies from and to the host included.",
        _answers(by_kind["answer"]),
        "## Memory",
        _growth(by_kind["growth"]),
        "## Loops",
        "Panel; median of frames with a new density, copies from and to the host included. difference: ||p - q|| / "
        "||q||, of one kernel and of launches.",
        _loops(by_kind["loops"]),
        "## Many worlds",
        "bits: every eighth world's pressure is, bit for bit, that of a solver of its own.",
        _worlds(by_kind["worlds"]),
        "## Ranks",
        _ranks(by_kind["ranks"]) if by_kind["ranks"] else "Fewer than two GPUs.",
        "## Times",
        f"True relative residual <= {cuda_parts.TOLERANCE:g}, checked after timing, frames on the device before the "
        f"clock starts. {found['formula']}.",
    ]
    for part in by_kind["times"]:
        parts += [f"### {part['label']}", part["failed"] or _times(part["rows"])]
    absent = [f"- {name}: not here: {reason}" for name, reason in found["absent"].items()]
    return "\n\n".join([*parts, "\n".join(absent)])


_ENVIRONMENT = ("warp", "torch", "nvidia-smi")


def _parts(parts: Sequence[Mapping]) -> str:
    rows = [[part["label"], report.number(part["seconds_taken"]), part["failed"] or "done"] for part in parts]
    return report.table(["part", "seconds", "outcome"], rows)


def _answers(parts: Sequence[Mapping]) -> str:
    heads = ["preconditioner", "case", "status", "residual", "iterations (CPU)", "difference"]
    heads += ["graph = eager", "pieces = graph", "repeats", "graph ms", "pieces ms", "eager ms", "first s"]
    rows = []
    for part in parts:
        for case in part.get("cases", []):
            where = f"{case['family']} {report.shape_text(case['shape'])}"
            if case["refused"]:
                rows.append([part["name"], where, f"cannot run: {case['refused']}", *[None] * (len(heads) - 3)])
                continue
            status = ("" if case["solved"] else "FAILED: ") + case["status"].lower() + " fallback" * case["fallback"]
            counts = f"{case['iterations']} ({case['cpu_iterations']})" + " DIFFERS" * (not case["agrees"])
            bits = ["yes" if case[key] else "NO" for key in ("graph_is_eager", "pieces_are_graph", "repeats")]
            numbers = [report.number(case[key]) for key in ("graph_ms", "pieces_ms", "eager_ms", "first_s")]
            errors = [_scientific(case["residual"]), counts, _scientific(case["difference"])]
            rows.append([part["name"], where, status, *errors, *bits, *numbers])
        if part["failed"]:
            rows.append([part["label"], None, f"FAILED: {part['failed']}", *[None] * (len(heads) - 3)])
    return report.table(heads, rows)


def _scientific(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.1e}"


def _growth(parts: Sequence[Mapping]) -> str:
    rows = []
    for part in parts:
        if part["failed"]:
            rows.append([part["label"], None, None, part["failed"]])
            continue
        first, last = part["bytes"][0], part["bytes"][-1]
        rows.append(
            [part["name"], part["frames"], f"{part['grown'] / 1e6:.2f}", f"{first / 1e6:.0f} to {last / 1e6:.0f}"]
        )
    return report.table(["preconditioner", "frames", "grown after the first tenth [MB]", "in use [MB]"], rows)


def _loops(parts: Sequence[Mapping]) -> str:
    lines = []
    for part in parts:
        if part["failed"]:
            lines.append([part["label"], None, part["failed"], *[None] * 4])
        for row in part.get("rows", []):
            outcome = "converged" * row["converged"] or "FAILED"
            case = f"{part['name']} {report.shape_text(part['shape'])}"
            kernels = ", ".join(row["parts"]) or "none"
            times = [report.number(row[key]) for key in ("ms", "us_per_iteration", "iterations")]
            lines.append([case, kernels, outcome, *times, _scientific(part["difference"])])
    heads = ["case", "in one kernel", "outcome", "ms", "us per iteration", "iterations", "difference"]
    return report.table(heads, lines)


def _worlds(parts: Sequence[Mapping]) -> str:
    lines = []
    for part in parts:
        if part["failed"]:
            lines.append([part["label"], None, None, None, part["failed"], None])
        for row in part.get("rows", []):
            over = row["ms"] / part["rows"][0]["ms"]
            outcome = "converged" * row["converged"] or "FAILED"
            bits = "yes" if row["same"] else "NO"
            case = f"{part['name']} {report.shape_text(part['shape'])}"
            lines.append([case, row["worlds"] or "one solver", report.number(row["ms"]), f"{over:.2f}", outcome, bits])
    return report.table(["case", "worlds", "ms", "over one", "outcome", "bits"], lines)


def _ranks(parts: Sequence[Mapping]) -> str:
    lines = []
    for part in parts:
        outcome = part["failed"] or ("passed" if part["passed"] else "FAILED")
        lines.append([part["label"], outcome, "; ".join(part.get("says", []))])
    return report.table(["case", "outcome", "the example says"], lines)


def _times(rows: Sequence[Mapping]) -> str:
    heads = ["solver", "ms p50", "p95", "max", "update ms", "solve ms", "iterations", "us per iteration"]
    heads += ["modelled us", "nodes", "MB per iteration", "first ms", "remarks"]
    lines = []
    for row in sorted(rows, key=lambda r: (bool(r["failed"]), r.get("p50") or 0.0)):
        if row["failed"]:
            lines.append([row["name"], *[None] * (len(heads) - 2), report.verdict(row["failed"])])
            continue
        times = [report.number(row[key]) for key in ("p50", "p95", "max", "update", "solve", "iterations")]
        modelled = [report.number(row.get(key)) for key in ("us_per_iteration", "modelled_us")]
        megabytes = report.number(row["bytes"] / 1e6) if "bytes" in row else None
        remarks = ", ".join(f"{text} ({count})" for text, count in row["remarks"].items())
        lines.append(
            [row["name"], *times, *modelled, row.get("nodes"), megabytes, report.number(row["first"]), remarks]
        )
    return report.table(heads, lines)


def plot(found: Mapping) -> Figure:
    panels: dict[str, dict] = {}
    for part in found["parts"]:
        if part["kind"] != "times" or part["failed"]:
            continue
        series = panels.setdefault(f"{part['flow']} {len(part['shape'])}D", {})
        for row in part["rows"]:
            if not row["failed"]:
                xs, ys = series.setdefault(row["name"], ([], []))
                xs.append(math.prod(part["shape"]))
                ys.append(row["p50"])
    return curves.plot(panels or {"no times": {}}, "cells", "ms per frame")
