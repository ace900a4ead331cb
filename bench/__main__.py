"""The main benchmarks, one after the other, in less than ten minutes on two cores, then the tables made of them.

A script that fails does not stop the next. Where there is a CUDA device, ``bench.cuda_report`` runs first.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from time import perf_counter

import warp as wp

from . import cuda_report, fps, iterations, paper_table, readme_table, scaling
from .harness import command

SCRIPTS = {"fps": fps.main, "iterations": iterations.main, "scaling": scaling.main, "paper_table": paper_table.main}
CUDA_SCRIPTS = {"cuda_report": cuda_report.main}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    options = command.Parser("", __doc__).parse_args(argv)
    scripts = CUDA_SCRIPTS | SCRIPTS if wp.is_cuda_available() else SCRIPTS
    failed = [name for name, script in scripts.items() if not _carry_out(name, script, argv, options)]
    if options.out == command.RESULTS and "fps" not in failed:
        readme_table.main([])
    for name in failed:
        print(f"FAILED: {name}", file=sys.stderr)
    return int(bool(failed))


def _carry_out(name: str, script: command.Script, argv: list[str], options: argparse.Namespace) -> bool:
    begun = perf_counter()
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            script(argv)
    except (Exception, SystemExit):  # a script may refuse what --only names
        traceback.print_exc()
        return False
    print(f"{name}: {perf_counter() - begun:.0f} s, {options.out / name}.md", file=sys.stderr)
    return True


if __name__ == "__main__":
    raise SystemExit(main())
