"""What the scripts' command lines share: their options, and progress with an estimate on stderr."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TextIO

RESULTS = Path(__file__).parents[1] / "results"
REHEARSED = Path(__file__).parents[2] / "out" / "bench"
"""Where quick runs write: their results are not for the record."""

Script = Callable[[list[str]], int]


class Parser(argparse.ArgumentParser):
    """A parser with the options that every script has.

    Args:
        script: the script's name in this package; empty for the package itself.
        text: the script's docstring.
    """

    def __init__(self, script: str, text: str):
        program = f"python -m bench.{script}".rstrip(".")
        super().__init__(prog=program, description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
        size = self.add_mutually_exclusive_group()
        size.add_argument("--quick", action="store_true", help="a rehearsal on small grids, less than a minute")
        size.add_argument("--full", action="store_true", help="more grids, frames and repeats")
        where = "where results go (bench/results; out/bench with --quick)"
        self.add_argument("--out", type=Path, metavar="FOLDER", help=where)
        self.add_argument("--only", default="", metavar="NAME,...", help="only rivals whose name holds one of these")
        self.add_argument("--device", default="cpu", help="Warp device of our solver (%(default)s)")

    def parse_args(self, args: list[str] | None = None, namespace: None = None) -> argparse.Namespace:
        """Adds ``scale``, which is ``quick``, ``full`` or ``default``, and ``default_device``."""
        options = super().parse_args(args, namespace)
        options.default_device = self.get_default("device")
        options.scale = "quick" if options.quick else "full" if options.full else "default"
        options.out = options.out or (REHEARSED if options.quick else RESULTS)
        return options


class Progress:
    """Progress in one line that is overwritten on a terminal, in a line for each step elsewhere.

    Args:
        label: what is in progress.
        total: number of steps.
        stream: where it is written, stderr by default.
    """

    def __init__(self, label: str, total: int, stream: TextIO | None = None):
        self._label, self._total, self._done = label, total, 0
        self._stream = stream or sys.stderr
        self._begun = perf_counter()

    def step(self, what: str) -> None:
        """Says that one more step is done, the one called ``what``."""
        self._done += 1
        elapsed = perf_counter() - self._begun
        left = elapsed / self._done * (self._total - self._done)
        text = f"{self._label} {self._done}/{self._total} {what}, {elapsed:.0f} s, about {left:.0f} s left"
        if self._stream.isatty():
            self._stream.write(f"\r\033[K{text}" + ("\n" if self._done == self._total else ""))
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()
