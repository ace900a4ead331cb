"""What the scripts' command lines share: their options, and progress with an estimate on stderr."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TextIO

RESULTS = Path(__file__).parent / "results"


def parser(script: str, text: str) -> argparse.ArgumentParser:
    """The options every script has; ``text`` is the script's docstring."""
    result = argparse.ArgumentParser(
        prog=f"python -m bench.{script}", description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    size = result.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a rehearsal on small grids, less than a minute")
    size.add_argument("--full", action="store_true", help="more grids, frames and repeats")
    result.add_argument("--out", type=Path, default=RESULTS, metavar="FOLDER", help="where results go (bench/results)")
    result.add_argument("--only", default="", metavar="NAME,...", help="only rivals whose name holds one of these")
    result.add_argument("--device", default="cpu", help="Warp device of our solver (cpu)")
    return result


def scale(options: argparse.Namespace) -> str:
    """``quick``, ``full`` or ``default``."""
    return "quick" if options.quick else "full" if options.full else "default"


class Progress:
    """One line that renews itself on a terminal, plain lines elsewhere.

    Args:
        label: what is in progress.
        total: steps.
        stream: stderr by default.
    """

    def __init__(self, label: str, total: int, stream: TextIO | None = None):
        self._label, self._total, self._done = label, total, 0
        self._stream = stream or sys.stderr
        self._begun = time.perf_counter()

    def step(self, what: str) -> None:
        """Says that one more step is done, and which."""
        self._done += 1
        elapsed = time.perf_counter() - self._begun
        left = elapsed / self._done * (self._total - self._done)
        text = f"{self._label} {self._done}/{self._total} {what}, {elapsed:.0f} s, about {left:.0f} s left"
        if self._stream.isatty():
            self._stream.write(f"\r\033[K{text}" + ("\n" if self._done == self._total else ""))
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()
