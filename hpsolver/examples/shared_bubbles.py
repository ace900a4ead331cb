"""Rising bubbles whose pressure several ranks solve together: ``hpsolver demo --ranks 2``, or

    torchrun --standalone --nproc-per-node 2 -m hpsolver.examples.shared_bubbles

Each rank owns a slab of the tank and solves its part of the pressure with the others. The flow around it
(``two_phase_flow``) is small and is moved by every rank, so that the program shows the solver and nothing else: a real
one would move its own slab alone. Rank 0 also solves every frame by itself, and all pressures must agree bit for bit.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
import torch.distributed as dist
import warp as wp

from hpsolver.distributed import Solver
from hpsolver.preconditioners import NAMES

from .rising_bubbles import report_progress, shape_option
from .two_phase_flow import Flow


def run(options: argparse.Namespace) -> int:
    """Runs the flow on this rank; returns 0 when all pressures were those of one process, else 1."""
    flow = Flow(options.shape, options.contrast)
    settings = {"preconditioner": options.preconditioner, "max_iterations": 5000}
    solver = Solver(options.shape, **settings)
    alone = Solver(options.shape, group=dist.new_group([0]), **settings) if solver.rank == 0 else dist.new_group([0])
    owned, differ, failed = solver.owned, 0, 0
    shared, single, iterations = [], [], []
    begun = time.perf_counter()
    for frame in range(1, options.frames + 1):
        flow.advance()
        density, rhs = flow.density.numpy(), flow.rhs.numpy()
        start = time.perf_counter()
        part = solver.step(density[owned].copy(), rhs[owned].copy())
        shared.append((time.perf_counter() - start) * 1e3)
        pressure = solver.gather(part)
        iterations.append(solver.info.iterations)
        failed += not solver.info.converged
        if isinstance(alone, Solver):
            start = time.perf_counter()
            differ += not np.array_equal(alone.step(density, rhs), pressure)
            single.append((time.perf_counter() - start) * 1e3)
            report_progress(frame, options.frames, time.perf_counter() - begun)
        flow.project(wp.array(pressure, dtype=wp.float64, device=flow.device))
    if solver.rank == 0:
        size, transport = "x".join(map(str, options.shape)), solver.transport
        messages, sent = transport.messages / options.frames, transport.sent / options.frames
        together, by_itself = statistics.median(shared), statistics.median(single)
        print(f"\n{options.frames} frames of {size} cells, {options.contrast:g}:1, {solver.info.preconditioner}")
        print(f"{solver.ranks} ranks {together:.1f} ms a frame, rank 0 by itself {by_itself:.1f}")
        print(f"{statistics.mean(iterations):.1f} iterations, {messages:.0f} messages, {sent:,.0f} bytes sent a frame")
        if differ or failed:
            print(f"CHECK FAILED: {differ} pressures differ, {failed} frames did not converge", file=sys.stderr)
        else:
            print("check passed: every frame converged, and its pressure is that of one process, bit for bit")
    return 1 if differ or failed else 0


def launch(ranks: int, argv: list[str]) -> int:
    """Runs this module in ``ranks`` processes on this machine, through ``torchrun``; returns its exit code."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    return subprocess.run([*torchrun, "-m", "hpsolver.examples.shared_bubbles", *argv], check=False).returncode


def main(argv: list[str] | None = None) -> int:
    """Runs the example on this rank, or, with ``--ranks``, starts as many; returns 0 when its own check passes."""
    parser = argparse.ArgumentParser(prog="shared_bubbles", description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, metavar="N", help="start so many processes on this machine")
    parser.add_argument("--shape", type=shape_option, default=(256, 128), metavar="WxH", help="cells (256x128)")
    parser.add_argument("--frames", type=int, default=60, metavar="N", help="frames, at least 1 (60)")
    parser.add_argument("--contrast", type=float, default=1000.0, metavar="X", help="heavy over light density (1000)")
    parser.add_argument("--preconditioner", default="schwarz", metavar="NAME", help="one that ranks share (schwarz)")
    options = parser.parse_args(argv)
    if options.frames < 1:
        parser.error(f"argument --frames: must be at least 1, got {options.frames}")
    if not 1.0 <= options.contrast <= 1e6:
        parser.error(f"argument --contrast: must be from 1 to 1e6, got {options.contrast:g}")
    if options.preconditioner not in NAMES:
        parser.error(f"argument --preconditioner: must be one of {', '.join(NAMES)}, got {options.preconditioner!r}")
    if options.ranks is not None:
        if options.ranks < 1:
            parser.error(f"argument --ranks: must be at least 1, got {options.ranks}")
        words = {name: getattr(options, name) for name in ("frames", "contrast", "preconditioner")}
        rest = [word for name, value in words.items() for word in (f"--{name}", str(value))]
        return launch(options.ranks, ["--shape", "x".join(map(str, options.shape)), *rest])
    dist.init_process_group("nccl" if wp.get_cuda_device_count() else "gloo")
    try:
        return run(options)
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    raise SystemExit(main())
