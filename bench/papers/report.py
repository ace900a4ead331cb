"""What the three scripts share: command line, progress with an estimate, and the result files.

A full run writes ``bench/results/papers/NAME.json`` (configuration, seeds and figures), ``NAME.md`` (tables, the last
one "claimed / ours") and ``NAME.png``. ``--quick`` (under a minute, what CI runs) writes to ``out/papers`` instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from bench.fps import machine

ROOT = Path(__file__).parents[2]


class Progress:
    """Prints to stderr what is done and how long the rest may take; ``total`` is in any unit of work."""

    def __init__(self, total: float):
        self.total, self.done, self.begun = total, 0.0, time.perf_counter()

    def advance(self, work: float, label: str) -> None:
        self.done += work
        spent = time.perf_counter() - self.begun
        left = spent / self.done * max(self.total - self.done, 0.0)
        print(f"{100 * self.done / self.total:3.0f} %  {label}  (about {left:.0f} s left)", file=sys.stderr, flush=True)


def options(name: str, argv: list[str] | None) -> argparse.Namespace:
    """The command line of one script; PyTorch is put on one thread."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog=f"python -m bench.papers.{name}")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute: shows that it runs")
    parser.add_argument("--out", type=Path, help="folder of the results")
    chosen = parser.parse_args(argv)
    chosen.out = chosen.out or ROOT / ("out/papers" if chosen.quick else "bench/results/papers")
    return chosen


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def spread(values: Sequence[float], digits: str = ".2g") -> str:
    """Mean and sample standard deviation over seeds."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):{digits}} ± {deviation:{digits}}"


def write(chosen: argparse.Namespace, name: str, report: dict, sections: Sequence[str]) -> None:
    """Writes NAME.json and NAME.md, and prints the latter. ``report`` needs ``config`` and ``seconds``."""
    command = f"python -m bench.papers.{name}" + (" --quick" if chosen.quick else "")
    report = {"command": command, "machine": machine() | {"torch": torch.__version__}, **report}
    about = report["machine"]
    head = f"Made by `{command}` on {about['date']}, {about['cpu']}, one thread, PyTorch {about['torch']}, "
    text = "\n\n".join([head + f"{report['seconds']:.0f} s.", *sections]) + "\n"
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    (chosen.out / f"{name}.md").write_text(text)
    print(text)
