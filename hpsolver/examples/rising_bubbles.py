"""Rising bubbles: a real two-phase flow, its pressure solved by hpsolver each frame, and beside it by Jacobi PCG.

    python -m hpsolver.examples.rising_bubbles

The flow advances with the first solver's pressure; the second solves the same frames for comparison.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .flow import Flow, make_solver

TOLERANCE = 1e-6


@dataclass
class Record:
    """What one solver did, frame by frame."""

    name: str
    milliseconds: list[float] = field(default_factory=list)
    iterations: list[int] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    converged: bool = True


def run(options: argparse.Namespace) -> int:
    flow = Flow(options.shape, options.contrast, options.device)
    names = [options.preconditioner] + [n for n in ("jacobi",) if n != options.preconditioner]
    solvers = [make_solver(options.shape, name, TOLERANCE, options.device) for name in names]
    records = [Record(name) for name in names]
    initial_mass = flow.fraction.numpy().sum()
    pictures: list[np.ndarray] = []
    before, after, pressure = 0.0, 0.0, None
    begun = time.perf_counter()
    for frame in range(options.frames):
        flow.advance()
        divergence = abs(flow.divergence()).max()
        for solver, record in reversed(list(zip(solvers, records, strict=True))):
            start = time.perf_counter()
            pressure = solver.step(flow.density, flow.rhs)
            info = solver.info
            if frame > 0:  # the first frame compiles
                record.milliseconds.append((time.perf_counter() - start) * 1e3)
            record.iterations.append(info.iterations)
            record.residuals.append(info.residual)
            record.converged &= info.converged
        flow.apply(pressure)
        left = np.linalg.norm(flow.divergence()) / max(np.linalg.norm(flow.rhs.numpy()) * flow.dt, 1e-300)
        before, after = max(before, divergence), max(after, left)
        if frame % 4 == 0:
            pictures.append(flow.fraction.numpy().copy())
        report_progress(frame + 1, options.frames, time.perf_counter() - begun)
    elapsed = time.perf_counter() - begun

    cells = "x".join(map(str, options.shape))
    print(f"\n{options.frames} frames of {cells} cells, density {options.contrast:g}:1, true residual <= {TOLERANCE:g}")
    print(table(records))
    drift = flow.fraction.numpy().sum() / initial_mass - 1.0
    print(f"whole simulation with both solvers: {options.frames / elapsed:.0f} fps")
    print(f"largest divergence before projection {before:.3g}, left after it {after:.2g} of its norm")
    print(f"mass drift {drift:+.3%}")
    if options.pictures:
        from .pictures import write_pictures

        write_pictures(options.out, flow, pressure, pictures, records)

    problems = [r.name for r in records if not r.converged]
    if problems or not after <= 2 * TOLERANCE or not np.isfinite(flow.fraction.numpy()).all():
        print(f"CHECK FAILED: not converged: {problems}, divergence left {after:.2g}", file=sys.stderr)
        return 1
    print("check passed: every frame converged and is free of divergence to the tolerance")
    return 0


def table(records: list[Record]) -> str:
    lines = [
        "| preconditioner | fps | ms p50 | p95 | max | iterations mean | max | true residual max |",
        "|" + "---|" * 8,
    ]
    for r in records:
        p50, p95, worst = np.percentile(r.milliseconds or [np.nan], [50, 95, 100])
        lines.append(
            f"| {r.name} | {1e3 / p50:.0f} | {p50:.2f} | {p95:.2f} | {worst:.2f} | {np.mean(r.iterations):.1f} "
            f"| {max(r.iterations)} | {max(r.residuals):.1e} |"
        )
    return "\n".join(lines)


def report_progress(done: int, total: int, elapsed: float) -> None:
    """A line that renews itself on a terminal; a plain one every quarter when piped."""
    text = f"frame {done}/{total}, about {elapsed / done * (total - done):.0f} s left"
    if sys.stdout.isatty():
        print(f"\r{text}   ", end="", flush=True)
    elif done % max(total // 4, 1) == 0:
        print(text, flush=True)


def shape_option(text: str) -> tuple[int, int]:
    try:
        width, height = (int(n) for n in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT such as 128x64, got {text!r}") from None
    if min(width, height) < 8:
        raise argparse.ArgumentTypeError(f"both sides must be at least 8 cells, got {text!r}")
    return width, height


def main(argv: list[str] | None = None) -> int:
    """Runs the example; returns 0 when its own check passes."""
    parser = argparse.ArgumentParser(prog="rising_bubbles", description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=shape_option, default=(128, 64), metavar="WxH", help="cells (128x64)")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--contrast", type=float, default=1000.0, help="heavy over light density (1000)")
    parser.add_argument("--preconditioner", default="schwarz")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the pictures (out)")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false")
    parser.add_argument("--device", default=None)
    options = parser.parse_args(argv)
    if options.frames < 2:
        parser.error(f"--frames must be at least 2, got {options.frames}")
    if not 1.0 <= options.contrast <= 1e6:
        parser.error(f"--contrast must be between 1 and 1e6, got {options.contrast:g}")
    return run(options)


if __name__ == "__main__":
    raise SystemExit(main())
