"""From results to files: JSON with everything, markdown tables, a plot."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from . import machine

NO_CONTEST = ("dropped", "cannot run")
"""First words of failures that are not wrong answers."""


def result(script: str, options: argparse.Namespace, threads: dict[str, int], settings: dict[str, object]) -> dict:
    """The head of a result; the script adds its findings."""
    about = machine.describe(options.device, threads)
    return {"script": script, "command": invocation(script, options), "machine": about, "settings": settings}


def invocation(script: str, options: argparse.Namespace) -> str:
    """The command line that gives a result with these options."""
    words = [f"python -m bench.{script}"]
    words += [f"--{options.scale}"] if options.scale != "default" else []
    words += [f"--only {options.only}"] if options.only else []
    words += [f"--device {options.device}"] if options.device != options.default_device else []
    return " ".join(words)


def preface(found: Mapping) -> str:
    """One paragraph: by which command, when and on which machine a result was made."""
    about = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    threads = ", ".join(f"{name} {count}" for name, count in about["threads"].items())
    driver = f", CUDA driver {about['driver']}" if about["driver"] else ""
    load = "" if about["load_at_start"] is None else f", load {about['load_at_start']:.1f} at the start"
    return (
        f"Made by `{found['command']}` on {about['date']}: {about['cpu']}, {about['cores']} cores{load}; device "
        f"{about['device']}{driver}; threads: {threads}; Python {about['python']}, {versions}."
    )


def participants(described: Mapping[str, Mapping], absent: Mapping[str, str]) -> str:
    """Who took part with which settings, and who is not here."""
    lines = ["Rivals:", ""]
    for name, rival in described.items():
        settings = "; ".join(f"{key} {value}" for key, value in rival["settings"].items())
        lines.append(f"- {name}: {rival['package']} {rival['version']}" + (f" ({settings})" if settings else ""))
    lines += [f"- {name}: not here: {reason}" for name, reason in absent.items()]
    return "\n".join(lines)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table; None is an empty cell."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |" for line in lines)


def number(value: float | None, digits: int = 3) -> str:
    """``digits`` significant digits, without exponent from 1 to 99,999."""
    if value is None or not math.isfinite(value):
        return ""
    if value == 0.0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}" if abs(value) < 1e5 else f"{value:.{digits - 1}e}"


def shape_text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def verdict(failure: str) -> str:
    """How a table names a failure: FAILED, unless the rival was too slow or refused the case."""
    return failure if failure.startswith(NO_CONTEST) else f"FAILED: {failure}"


def times_table(rows: Sequence[Mapping], reference: str) -> str:
    """Rows of ``measure.rows``, fastest first, failed ones last and without times."""
    heads = ["solver", "ms p50", "p95", "max", "fps", f"x {reference}", "update ms", "solve ms"]
    heads += ["iterations", "worst", "remarks"]
    lines = []
    for row in sorted(rows, key=lambda r: (bool(r["failed"]), r.get("p50", 0.0))):
        remarks = [f"{text} ({count})" for text, count in row["remarks"].items()]
        iterations = [number(row["iterations"]), row["worst_iterations"]]
        if row["failed"]:
            lines.append([row["name"], *[None] * 7, *iterations, verdict(row["failed"])])
            continue
        times = [number(row[key]) for key in ("p50", "p95", "max", "fps", "ratio", "update", "solve")]
        lines.append([row["name"], *times, *iterations, ", ".join(remarks)])
    return table(heads, lines)


def write(out: Path, stem: str, found: Mapping, text: str, figure: Figure | None = None) -> None:
    """Writes ``stem``.json, .md and .png."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{stem}.json").write_text(to_json(found))
    (out / f"{stem}.md").write_text(text.rstrip() + "\n")
    if figure:
        figure.savefig(out / f"{stem}.png", dpi=110, bbox_inches="tight")


def to_json(found: Mapping) -> str:
    """One line for an entry, and for each item of a list, so that a diff shows rows."""
    lines = []
    for key, value in plain(found).items():
        text = json.dumps(value, allow_nan=False)
        if isinstance(value, list) and value:
            text = "[\n  " + ",\n  ".join(json.dumps(item, allow_nan=False) for item in value) + "\n ]"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def plain(value: object) -> object:
    """``value`` as JSON has it: lists for tuples, Python's numbers for NumPy's, None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
