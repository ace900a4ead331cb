"""Rising bubbles: a real two-phase flow, its pressure solved by hpsolver each frame, and beside it by Jacobi PCG.

    python -m hpsolver.examples.rising_bubbles

Light bubbles rise in a closed tank of heavy fluid (``two_phase_flow``). The first solver makes the flow free of
divergence, through ``Projection``; the second solves the same frames for comparison only.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import warp as wp

from hpsolver import Projection, Solver

from .pictures import Picture, write_pictures
from .two_phase_flow import Flow

TOLERANCE = 1e-6
MAX_ITERATIONS = 5000  # enough for Jacobi at a density ratio of 1e6


@dataclass
class Contestant:
    """A solver and what it did, frame by frame. The first frame compiles: its time is NaN."""

    name: str
    solver: Solver
    milliseconds: list[float] = field(default_factory=list)
    iterations: list[int] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def solve(self, flow: Flow) -> wp.array:
        """Pressure [shape] of the flow's frame."""
        pressure: wp.array = self.solver.step(flow.density, flow.rhs)
        self.note()
        return pressure

    def note(self) -> None:
        """Notes what the solver did in the last frame."""
        info = self.solver.info
        self.milliseconds.append(info.timings["total"] if self.milliseconds else math.nan)
        self.iterations.append(info.iterations)
        self.residuals.append(info.residual)
        if not info.converged:
            self.failures.append(f"{self.name}, frame {len(self.iterations)}: {info.status.name.lower()}")


def timed(device: wp.Device, call: Callable[..., Any], *args: object) -> tuple[Any, float]:
    """What ``call`` returns, and the milliseconds until the device is done with it."""
    start = time.perf_counter()
    result = call(*args)
    wp.synchronize_device(device)
    return result, (time.perf_counter() - start) * 1e3


def run(options: argparse.Namespace, contestants: list[Contestant]) -> int:
    """Runs flow and contestants, reports and draws; returns 0 when the frames pass the check, else 1."""
    flow = Flow(options.shape, options.contrast, options.device)
    first = flow.fraction.numpy().copy()
    size = "x".join(map(str, flow.shape))
    projection = Projection(contestants[0].solver)
    film, milliseconds, snapshot = [Picture(first)], [], {}
    worst = np.zeros(3)  # largest |div u| before and after projection, and ratio of their 2-norms
    print("first frame: loads the kernels, and compiles them once per machine", flush=True)
    begun = time.perf_counter()
    for frame in range(1, options.frames + 1):
        _, transport = timed(flow.device, flow.advance)
        before = flow.divergence()
        for other in contestants[1:]:
            other.solve(flow)
        impulse, projected = timed(flow.device, projection.project, flow.velocity, flow.density)
        contestants[0].note()
        after = flow.divergence()
        milliseconds.append(transport + projected if frame > 1 else math.nan)
        ratio = np.linalg.norm(after) / (np.linalg.norm(before) or 1.0)
        worst = np.maximum(worst, [abs(before).max(), abs(after).max(), ratio])  # NaN stays
        if options.pictures and frame % 2 == 0:
            film.append(Picture(flow.fraction.numpy().copy(), caption(frame, contestants[0])))
        if frame == math.ceil(0.6 * options.frames):  # the bubbles are on their way
            pressure = impulse.numpy() / flow.dt
            fields = {"density": flow.density.numpy(), "pressure": pressure, "divergence": after}
            snapshot = {name: values.copy() for name, values in fields.items()}
            snapshot["caption"] = f"{size} cells, {options.contrast:g}:1\n{caption(frame, contestants[0])}"
        report_progress(frame, options.frames, time.perf_counter() - begun)

    print(f"\n{options.frames} frames of {size} cells, density {options.contrast:g}:1, on {flow.device}")
    print(table(contestants))
    print(f"whole simulation with {contestants[0].name}: {1e3 / np.nanmedian(milliseconds):.0f} fps (p50)")
    print("largest |div u| before projection {:.2e}, after {:.2e}; largest ratio of 2-norms {:.2e}".format(*worst))
    last = flow.fraction.numpy()
    mass, area = 100 * (last.sum() / first.sum() - 1), 100 * ((1 - last).sum() / (1 - first).sum() - 1)
    mixed = [100 * ((f > 0.01) & (f < 0.99)).mean() for f in (first, last)]
    print(f"mass drift: {mass:+.1e} % of all mass, {area:+.1e} % of the bubbles' area")
    print(f"cells that hold both fluids: {mixed[0]:.1f} % at first, {mixed[1]:.1f} % at last")
    if options.pictures:
        write_pictures(options.out, film, snapshot, contestants, TOLERANCE)

    failures = [failure for contestant in contestants for failure in contestant.failures]
    if not worst[2] <= 1.01 * TOLERANCE:
        failures.append(f"divergence left over is {worst[2]:.2e} of what it was, more than {TOLERANCE:g}")
    if not abs(area) <= 0.01:
        failures.append(f"the bubbles' area drifted by {area:+.1e} %, more than 0.01 %")
    if not all(np.isfinite(field.numpy()).all() for field in (flow.fraction, flow.u, flow.w, impulse)):
        failures.append("NaN or Inf in the flow")
    for failure in failures[:5]:
        print(f"CHECK FAILED: {failure}", file=sys.stderr)
    if not failures:
        print("check passed: every frame converged, its divergence is gone to the tolerance, and mass is kept")
    return 1 if failures else 0


def caption(frame: int, contestant: Contestant) -> str:
    """What a picture says of a frame's pressure solve."""
    took = f"{contestant.milliseconds[-1]:.1f} ms, {contestant.iterations[-1]} iterations"
    return f"frame {frame}, {contestant.name}: {took}"


def table(contestants: list[Contestant]) -> str:
    """One line per solver; times of the pressure solve alone."""
    rows = [
        "| preconditioner | fps (p50) | ms p50 | ms p95 | ms max | iterations mean | max | true residual max |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for c in contestants:
        p50, p95, longest = np.nanpercentile(c.milliseconds, [50, 95, 100])
        rows.append(
            f"| {c.name} | {1e3 / p50:.0f} | {p50:.2f} | {p95:.2f} | {longest:.2f} "
            f"| {np.mean(c.iterations):.1f} | {max(c.iterations)} | {max(c.residuals):.1e} |"
        )
    return "\n".join(rows)


def report_progress(done: int, total: int, elapsed: float) -> None:
    """A bar that renews itself on a terminal; a plain line every quarter when piped."""
    text = f"frame {done}/{total}, {elapsed / done * (total - done):.0f} s left"
    if sys.stdout.isatty():
        filled = 30 * done // total
        print(f"\r[{'#' * filled}{'.' * (30 - filled)}] {text}   ", end="" if done < total else "\n", flush=True)
    elif done == total or done % max(total // 4, 1) == 0:
        print(text, flush=True)


# --- the command line -------------------------------------------------------------------------------------------------


def shape_option(text: str) -> tuple[int, int]:
    """``128x64`` as (128, 64)."""
    try:
        width, height = (int(n) for n in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT such as 128x64, got {text!r}") from None
    if min(width, height) < 8:
        raise argparse.ArgumentTypeError(f"both sides must be at least 8 cells, got {text!r}")
    return width, height


def main(argv: list[str] | None = None) -> int:
    """Runs the example; returns 0 when its own check passes, else 1."""
    parser = argparse.ArgumentParser(prog="rising_bubbles", description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=shape_option, default=(256, 128), metavar="WxH", help="cells (256x128)")
    parser.add_argument("--frames", type=int, default=240, metavar="N", help="frames, at least 2 (240)")
    parser.add_argument("--contrast", type=float, default=1000.0, metavar="X", help="heavy over light density (1000)")
    parser.add_argument("--preconditioner", default="auto", metavar="NAME", help="runs the flow (auto)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="folder for the pictures (out)")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false", help="draw nothing")
    parser.add_argument("--device", metavar="NAME", help="Warp device (Warp's default)")
    options = parser.parse_args(argv)
    if options.frames < 2:
        parser.error(f"argument --frames: must be at least 2, got {options.frames}")
    if not 1.0 <= options.contrast <= 1e6:
        parser.error(f"argument --contrast: must be from 1 to 1e6, got {options.contrast:g}")
    settings = {"tolerance": TOLERANCE, "max_iterations": MAX_ITERATIONS, "device": options.device}
    contestants = []
    try:
        if options.pictures:
            options.out.mkdir(parents=True, exist_ok=True)
        for name in dict.fromkeys([options.preconditioner, "jacobi"]):  # one solver if they are the same
            contestants.append(Contestant(name, Solver(options.shape, preconditioner=name, **settings)))
    except (ImportError, OSError, TypeError, ValueError) as error:
        parser.error(str(error))
    return run(options, contestants)


if __name__ == "__main__":
    raise SystemExit(main())
