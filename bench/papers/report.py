"""What the three scripts share: command line, progress with an estimate, and the result files.

A full run writes ``bench/results/papers/NAME.json`` (machine, configuration, seeds and figures), ``NAME.md`` (tables,
the last one "claimed / ours") and ``NAME.png``. ``--quick`` (under a minute, what CI runs) writes to ``out/papers``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.harness import machine

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


def reproduce(
    name: str,
    argv: list[str] | None,
    configs: tuple[object, object],
    run: Callable[[object], dict],
    sections: Callable[[dict, object], Sequence[str]],
    plot: Callable[[dict, object, Path], None],
) -> int:
    """One script from command line to files, on one thread.

    Args:
        configs: dataclasses, of the full and of the quick run.
        run: config -> result, which JSON can hold.
        sections: (result, config) -> parts of the markdown page.
        plot: (result, config, file) -> None.
    """
    parser = argparse.ArgumentParser(prog=f"python -m bench.papers.{name}")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute: shows that it runs")
    parser.add_argument("--out", type=Path, help="folder of the results")
    chosen = parser.parse_args(argv)
    out = chosen.out or ROOT / ("out/papers" if chosen.quick else "bench/results/papers")
    config = configs[chosen.quick]
    command = f"python -m bench.papers.{name}" + (" --quick" if chosen.quick else "")
    with machine.one_thread() as threads:
        about = machine.describe("cpu", threads)
        begun = time.perf_counter()
        result = run(config)
        seconds = time.perf_counter() - begun
    report = {"command": command, "seconds": seconds, "machine": about}
    report |= {"config": dataclasses.asdict(config), "result": result}
    head = f"Made by `{command}` on {about['date'][:10]}, {about['cpu']}, one thread, "
    head += f"PyTorch {about['versions']['torch']}, {seconds:.0f} s."
    text = "\n\n".join([head, *sections(result, config)]) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / f"{name}.md").write_text(text)
    plot(result, config, out / f"{name}.png")
    print(text)
    return 0


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def spread(values: Sequence[float], digits: str = ".2f") -> str:
    """Mean and sample standard deviation over seeds."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):{digits}} ± {deviation:{digits}}"


def verdict(wins: int, out_of: int) -> str:
    return {0: "no", out_of: "yes"}.get(wins, f"in {wins} of {out_of}")
