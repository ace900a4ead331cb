"""Iterations over the whole gallery, contrast 10 to 1e5, at 1e-6 and 1e-8: every preconditioner, and PyAMG.

A frame counts only if its true residual passes the judge (bench/harness/check.py). Failures and frames that our solver
had to finish with its fallback are counted and shown, so that a preconditioner which breaks down now and then cannot
hide behind the frames where it did not. A slow solver runs out of time for some frames; the table says for how many.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import scipy.sparse as sp
from matplotlib.figure import Figure

from hpsolver import problems

from . import frames
from .external import PyAmg
from .harness import check, command, curves, machine, report, rivals
from .harness.rival import Rival

TOLERANCES = (1e-6, 1e-8)
CONTRASTS = (1e1, 1e2, 1e3, 1e4, 1e5)
MAX_ITERATIONS = 10000
SCALES = {
    "quick": {"shapes": [(16, 16), (8, 8, 8)], "seeds": 1, "seconds": 10.0},
    "default": {"shapes": [(64, 64), (16, 16, 16)], "seeds": 3, "seconds": 25.0},
    "full": {"shapes": [(64, 64), (128, 128), (16, 16, 16), (32, 32, 32)], "seeds": 4, "seconds": 600.0},
}


Case = tuple[str, float]
"""Family and contrast."""
Pair = tuple[frames.Frame, sp.csr_matrix]
"""A frame and its matrix A, assembled by the judge."""


@dataclass
class Tally:
    """How a solver fared on some frames.

    Attributes:
        counts: iterations of the frames that were solved.
        failures: how many frames were not solved, by reason.
        fallbacks: how many solved frames the fallback had to finish.
        skipped: how many frames there was no time for.
    """

    counts: list[int] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    fallbacks: int = 0
    skipped: int = 0

    def add(self, rival: Rival, frame: frames.Frame, matrix: sp.csr_matrix, tolerance: float) -> None:
        """Lets ``rival`` solve a frame, and counts it."""
        try:
            rival.setup(rival.adopt(frame.density))
            pressure = rival.fetch(rival.solve(rival.adopt(frame.rhs)))
        except Exception as error:
            self.failures[f"{type(error).__name__}: {error}"] += 1
            return
        if not check.passes(check.true_residual(matrix, frame.rhs, pressure), tolerance):
            self.failures[rival.remark or "missed the tolerance unawares"] += 1
            return
        self.counts.append(int(rival.iterations))
        self.fallbacks += "fallback" in (rival.remark or "")

    def text(self) -> str:
        """Mean and (worst) iterations, then what went wrong and how often."""
        parts = [f"{np.mean(self.counts):.1f} ({max(self.counts)})"] if self.counts else []
        refused = sum(count for reason, count in self.failures.items() if reason.startswith(report.NO_CONTEST))
        failed = sum(self.failures.values()) - refused
        parts += [f"{failed} FAILED"] * bool(failed) + ["cannot run"] * bool(refused)
        parts += [f"{self.fallbacks} fallback"] * bool(self.fallbacks)
        parts += [f"{self.skipped} not run"] * bool(self.skipped)
        return ", ".join(parts)


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of several tallies."""
    result = Tally()
    for tally in tallies:
        result.counts += tally.counts
        result.failures += tally.failures
        result.fallbacks += tally.fallbacks
        result.skipped += tally.skipped
    return result


def contestants(device: str) -> list[Rival]:
    """Solvers with a preconditioner of their own; other libraries' Jacobi would take as many iterations as ours."""
    return [*rivals.engine(device), PyAmg("smoothed aggregation"), PyAmg("Ruge-Stuben")]


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("iterations", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    present, absent = rivals.split(rivals.select(contestants(options.device), options.only))
    progress = command.Progress("iterations:", len(plan["shapes"]) * len(TOLERANCES) * len(present))
    with machine.one_thread() as threads:
        settings = {"tolerances": TOLERANCES, "contrasts": CONTRASTS, "max_iterations": MAX_ITERATIONS} | plan
        found = report.result("iterations", options, threads, settings)
        found |= {"rivals": rivals.describe(present), "absent": absent, "cells": []}
        for shape in plan["shapes"]:
            found["cells"] += _count(present, shape, plan, progress.step)
    text = markdown(found)
    report.write(options.out, "iterations", found, text, _plot(found))
    print(text)
    return 0


def _count(present: Sequence[Rival], shape: tuple[int, ...], plan: Mapping, say: Callable[[str], None]) -> list[dict]:
    drawn = {}
    for case in itertools.product(problems.DENSITIES, CONTRASTS):
        sequence = frames.drawn(case[0], shape, plan["seeds"], case[1])
        drawn[case] = [(frame, check.assemble(frame.density)) for frame in sequence]
    cells = []
    for tolerance, rival in itertools.product(TOLERANCES, present):
        tallies = _tallies(rival, shape, tolerance, drawn, plan["seconds"])
        for (family, contrast), tally in tallies.items():
            where = {"shape": shape, "tolerance": tolerance, "family": family, "contrast": contrast}
            cells.append({"name": rival.name, **where, **vars(tally)})
        say(f"{report.shape_text(shape)} {tolerance:g} {rival.name}")
    return cells


def _tallies(
    rival: Rival, shape: tuple[int, ...], tolerance: float, drawn: Mapping[Case, Sequence[Pair]], seconds: float
) -> dict[Case, Tally]:
    """Lets ``rival`` solve the first frame of every case, then the second, and so on, for at most ``seconds``."""
    tallies = {case: Tally() for case in drawn}
    try:
        rival.prepare(shape, tolerance, MAX_ITERATIONS)
    except Exception as error:
        for case, pairs in drawn.items():
            tallies[case].failures[f"cannot run: {type(error).__name__}: {error}"] += len(pairs)
        return tallies
    deadline = perf_counter() + seconds
    for pairs in zip(*drawn.values(), strict=True):
        for tally, (frame, matrix) in zip(tallies.values(), pairs, strict=True):
            if perf_counter() > deadline:
                tally.skipped += 1
            else:
                tally.add(rival, frame, matrix, tolerance)
    rival.close()
    return tallies


def _tally(cells: Iterable[Mapping]) -> Tally:
    return total(Tally(list(c["counts"]), Counter(c["failures"]), c["fallbacks"], c["skipped"]) for c in cells)


def markdown(found: Mapping) -> str:
    settings, cells = found["settings"], found["cells"]
    families = list(dict.fromkeys(cell["family"] for cell in cells))
    parts = [
        "# Iterations",
        report.preface(found),
        f"Mean (worst) iterations of the solved frames, {settings['seeds']} a case (seeds from {frames.SEED}), random "
        f"zero-mean right-hand sides, at most {settings['max_iterations']} iterations. FAILED: the true residual did "
        "not reach the tolerance. fallback: our solver had to go on with its fallback; the count includes it. not "
        f"run: frames for which {settings['seconds']:g} s a grid and tolerance were not enough.",
    ]
    for shape in settings["shapes"]:
        parts.append(f"## {report.shape_text(shape)}, all families: {', '.join(families)}")
        for tolerance in settings["tolerances"]:
            here = [c for c in cells if tuple(c["shape"]) == tuple(shape) and c["tolerance"] == tolerance]
            parts += [f"Tolerance {tolerance:g}, by contrast:", _table(here)]
    parts.append("## By family")
    for shape in settings["shapes"]:
        for tolerance in settings["tolerances"]:
            for family in families:
                here = [c for c in cells if tuple(c["shape"]) == tuple(shape) and c["tolerance"] == tolerance]
                parts += [
                    f"### {family} {report.shape_text(shape)}, tolerance {tolerance:g}",
                    _table([c for c in here if c["family"] == family]),
                ]
    return "\n\n".join([*parts, _reasons(cells), report.participants(found["rivals"], found["absent"])])


def _table(cells: Sequence[Mapping]) -> str:
    contrasts = list(dict.fromkeys(cell["contrast"] for cell in cells))
    rows = []
    for name in dict.fromkeys(cell["name"] for cell in cells):
        mine = [cell for cell in cells if cell["name"] == name]
        rows.append([name, *(_tally(c for c in mine if c["contrast"] == contrast).text() for contrast in contrasts)])
    return report.table(["preconditioner", *(f"{contrast:g}" for contrast in contrasts)], rows)


def _reasons(cells: Sequence[Mapping]) -> str:
    """Why frames failed, over all cases."""
    rows = []
    for name in dict.fromkeys(cell["name"] for cell in cells):
        failures = _tally(cell for cell in cells if cell["name"] == name).failures
        rows += [[name, reason, count] for reason, count in failures.most_common()]
    if not rows:
        return "## Failures\n\nNone."
    return "## Failures\n\n" + report.table(["preconditioner", "reason", "frames"], rows)


def _plot(found: Mapping) -> Figure:
    panels: dict[str, dict] = {}
    tightest = min(found["settings"]["tolerances"])
    for shape in found["settings"]["shapes"]:
        series = panels.setdefault(f"{report.shape_text(shape)}, {tightest:g}, all families", {})
        here = [c for c in found["cells"] if c["shape"] == shape and c["tolerance"] == tightest]
        for name in dict.fromkeys(cell["name"] for cell in here):
            for contrast in found["settings"]["contrasts"]:
                tally = _tally(c for c in here if c["name"] == name and c["contrast"] == contrast)
                if tally.counts and not tally.failures:
                    xs, ys = series.setdefault(name, ([], []))
                    xs.append(contrast)
                    ys.append(float(np.mean(tally.counts)))
    return curves.plot(panels, "density contrast", "mean iterations")


if __name__ == "__main__":
    raise SystemExit(main())
