"""The command line that the liquid and the smoke example share, and how every example with pictures runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def shape_option(text: str) -> tuple[int, ...]:
    """``96x56`` as (96, 56), ``64x40x24`` as (64, 40, 24)."""
    try:
        shape = tuple(int(n) for n in text.split("x"))
    except ValueError:
        shape = ()
    if len(shape) not in (2, 3) or min(shape) < 12:
        raise argparse.ArgumentTypeError(f"expected LENGTHxHEIGHT[xDEPTH], each at least 12 cells, got {text!r}")
    return shape


def carry_out(
    argv: list[str] | None,
    run: Callable[[argparse.Namespace], int],
    *,
    name: str,
    description: str,
    shape: tuple[int, int],
    steps: int,
) -> int:
    """Reads the options, and runs the example with them; returns its exit code.

    Args:
        shape: cells per axis, unless the options say others.
        steps: steps of the flow per picture.
    """
    cells = "x".join(map(str, shape))
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument("--shape", type=shape_option, default=shape, metavar="LxH[xD]", help=f"cells ({cells})")
    frames = f"pictures of {steps} steps, at least 1 (120)"
    parser.add_argument("--frames", type=int, default=120, metavar="N", help=frames)
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="folder for the pictures (out)")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false", help="draw nothing")
    parser.add_argument("--device", metavar="NAME", help="Warp device (Warp's default)")
    options = parser.parse_args(argv)
    if options.frames < 1:
        parser.error(f"argument --frames: must be at least 1, got {options.frames}")
    return run_or_refuse(parser, options, run)


def run_or_refuse(
    parser: argparse.ArgumentParser, options: argparse.Namespace, run: Callable[[argparse.Namespace], int]
) -> int:
    """Makes the folder for pictures and runs the example; what it cannot use is a usage error."""
    try:
        if options.pictures:
            options.out.mkdir(parents=True, exist_ok=True)
        return run(options)
    except (OSError, ValueError) as error:
        parser.error(str(error))
