"""What half precision in the network's forward pass does to iterations and to inference.

    python -m bench.half_precision [--quick] [--full]      (default: a few minutes on one core)

The learned coarse space of `htp`, shipped weights, under Torch's autocast: products in bfloat16 or float16, layer norms
and softmax in single precision, and so is what follows the network (inverse step, orthonormalisation, Galerkin matrix:
the preconditioner stays symmetric positive definite and keeps the constants whatever the network says). Iterations to
1e-8 on unseen frames, mean and worst, and on how many frames they differ from single precision's, by how much at most.
Inference is the forward pass alone, median, precisions in turns on each frame.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch
from torch import nn

from hpsolver import Solver
from hpsolver.network import weights
from hpsolver.network.basis import BasisConfig, BasisNetwork
from hpsolver.preconditioners.htp import ARCHITECTURE, HTP

from . import command, learned, machine, report
from .frames import Frame

TOLERANCE = 1e-8
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SCALES = {
    "quick": {"frames": 2, "families": 1, "shapes": ((32, 32),)},
    "default": {"frames": 6, "families": 4, "shapes": ((64, 64), (16, 16, 16))},
}
SCALES["full"] = SCALES["default"] | {"frames": 20}


class Autocast(nn.Module):
    """A network whose products are in another precision; its answer is in single precision again.

    Attributes:
        config, local: the network's.
        seconds: that each forward pass took.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype):
        super().__init__()
        self.network, self.config, self.local, self.dtype = network, network.config, network.local, dtype
        self.seconds: list[float] = []

    def forward(self, *inputs: object) -> torch.Tensor:
        device = next(self.network.parameters()).device.type
        begun = perf_counter()
        with torch.autocast(device, self.dtype, enabled=self.dtype is not torch.float32):
            start = self.network(*inputs)
        self.seconds.append(perf_counter() - begun)
        return start.float()


def compare(network: nn.Module, frames: list[Frame], functions: int) -> list[dict]:
    """One row per precision.

    Args:
        network: a loaded one that ``HTP.of_network`` takes.
        frames: of one grid.
        functions: coarse functions a leaf.
    """
    solvers = {}
    for name, dtype in PRECISIONS.items():
        preconditioner = HTP.of_network(Autocast(network, dtype), coarse_size=functions)
        solvers[name] = Solver(
            frames[0].density.shape, preconditioner=preconditioner, tolerance=TOLERANCE, device="cpu"
        )
    counts: dict[str, list[int]] = {name: [] for name in solvers}
    failed = dict.fromkeys(solvers, 0)
    for frame in frames:
        for name, solver in solvers.items():
            solver.step(frame.density, frame.rhs)
            counts[name].append(solver.info.iterations)
            failed[name] += solver.info.fallback or not solver.info.converged
    rows = []
    for name, solver in solvers.items():
        change = np.abs(np.subtract(counts[name], counts["float32"]))
        seconds = solver.preconditioner.network.seconds[1:]  # the first warms up
        rows.append({"precision": name, "functions": functions, "iterations": counts[name], "failed": failed[name]})
        rows[-1] |= {"differs": int(np.count_nonzero(change)), "most": int(change.max())}
        rows[-1] |= {"inference ms": 1e3 * float(np.median(seconds))}
    return rows


def measure(plan: dict, step: Callable[[str], None]) -> list[dict]:
    rows = []
    for shape in plan["shapes"]:
        file = weights.shipped(f"htp_{len(shape)}d.safetensors")
        network = weights.load(file, ARCHITECTURE, BasisNetwork, BasisConfig)
        for family, contrast in learned.FAMILIES[: plan["families"]]:
            frames = learned.gallery(family, shape, plan["frames"], contrast)
            for functions in (4, 8):
                case = {"family": family, "shape": report.shape_text(shape)}
                rows += [case | row for row in compare(network, frames, functions)]
            step(f"{family} {shape}")
    return rows


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("half_precision", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("half precision: case", len(plan["shapes"]) * plan["families"])
    with machine.one_thread() as threads:
        found = report.result("half_precision", options, threads, {"tolerance": TOLERANCE} | plan)
        found["rows"] = measure(plan, progress.step)
    text = markdown(found)
    report.write(options.out, "half_precision", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    rows = found["rows"]
    lines = []
    for row in rows:
        counts = row["iterations"]
        iterations = f"{np.mean(counts):.1f} ({max(counts)})" + (f", {row['failed']} failed" if row["failed"] else "")
        change = f"{row['differs']} of {len(counts)}" + (f", by {row['most']}" if row["differs"] else "")
        case = [row["family"], row["shape"], row["functions"], row["precision"]]
        lines.append([*case, iterations, change, f"{row['inference ms']:.1f}"])
    heads = ["family", "shape", "functions", "precision", "iterations (worst)", "frames that differ", "inference ms"]
    summary = []
    for name in list(PRECISIONS)[1:]:
        mine = [row for row in rows if row["precision"] == name]
        total = sum(len(row["iterations"]) for row in mine)
        differ, most = sum(row["differs"] for row in mine), max(row["most"] for row in mine)
        summary.append(f"{name}: {differ} of {total} solves differ from single precision, by {most} at most.")
    about = __doc__.split("\n\n", 2)[2].strip()
    parts = ["# The network in half precision", report.preface(found), about, "\n".join(f"- {s}" for s in summary)]
    return "\n\n".join([*parts, report.table(heads, lines)])


if __name__ == "__main__":
    raise SystemExit(main())
