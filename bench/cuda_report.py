"""A report on a CUDA machine in less than eight minutes: are the answers right, how fast are they, does memory grow.

Each part runs in a process of its own, with a time limit: a part that fails, hangs, or loses the device does not stop
the next. The report is written after every part, so finished parts survive. ``--device cpu`` rehearses the same path
without a GPU.

1. environment: device, driver, versions.
2. answers of every preconditioner: against the CPU's, the graph's against eager launches', repeated bit for bit.
3. memory over 10,000 frames.
4. loops: small frames with loops as one kernel, and with loops of launches.
5. many worlds: ms of a step beside those of one solver, and whether each world gets the bits it gets alone.
6. with two GPUs or more: one grid shared by as many ranks, over NCCL, bit for bit.
7. times: ms per frame and phase at five sizes and in 3D, us per iteration beside the modelled ones, with the libraries
   that import there (AMGX, cuDSS, CuPy); only preconditioners that answered right take part.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import warp as wp

from .harness import command, cuda_parts, machine, model, report, rivals
from .harness.cuda_tables import markdown, plot
from .harness.engine import Engine
from .harness.published import SIZES

ROOT = Path(__file__).parent.parent
CASES = [("panel", shape) for shape in SIZES.values()] + [("bubbles", (32, 16, 16)), ("bubbles", (128, 128))]
LARGE = [("panel", (256, 256)), ("panel", (64, 64, 64))]
SCALES = {
    "quick": {
        "cases": [("panel", (32, 32)), ("bubbles", (8, 8, 8))],
        "frames": 2,
        "rounds": 1,
        "count": 200,
        "loops": [(32, 32)],
        "worlds": (2, 9),
    },
    "default": {
        "cases": CASES + LARGE,
        "frames": 5,
        "rounds": 2,
        "count": 10000,
        "loops": [*SIZES.values(), (128, 256), (32, 16, 16)],
        "worlds": (1, 16, 64, 256, 1024),
    },
}
SCALES["full"] = SCALES["default"] | {"frames": 10, "rounds": 4, "worlds": (1, 16, 64, 256, 1024, 4096)}
LIMIT = 2.0
"""Seconds a frame may take in part 7."""
SECONDS = {"environment": 60, "answer": 120, "growth": 60, "loops": 120, "worlds": 120, "ranks": 120, "times": 120}
"""Time limits, by kind of part."""
GROWTH_OF = ("schwarz", "jacobi")
LOOPS_OF = ("jacobi", "multigrid", "schwarz")
RANKS_OF = ("schwarz", "multigrid")
WORLDS_OF = (("schwarz", (32, 32)), ("multigrid", (32, 32)), ("multigrid", (128, 64)))


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    if options.part:
        options.answer.write_text(json.dumps(report.plain(_carry_out(options.part, options.device))))
        return 0
    if options.device != "cpu" and not wp.is_cuda_available():
        raise SystemExit("no CUDA device here; --device cpu rehearses the report without one")
    return _report(options)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = command.Parser("cuda_report", __doc__)
    parser.set_defaults(device="cuda:0")
    parser.add_argument("--minutes", type=float, default=7.5, help="parts that do not fit in are skipped (7.5)")
    parser.add_argument("--part", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def _carry_out(part: Mapping, device: str) -> dict:
    """One part, in its own process."""
    with machine.one_thread() as threads:
        if part["kind"] == "environment":
            return cuda_parts.environment(device) | {"machine": machine.describe(device, threads)}
        return getattr(cuda_parts, part["kind"])(device, **part["arguments"])


def _report(options: argparse.Namespace) -> int:
    plan = SCALES[options.scale]
    deadline = perf_counter() + 60 * options.minutes
    chosen = rivals.select(rivals.everyone(options.device), options.only)
    names = [rival.name for rival in chosen if isinstance(rival, Engine)]
    libraries, absent = rivals.split([r for r in chosen if r.package != "hpsolver" and r.device != "cpu"])
    growing = [name for name in GROWTH_OF if name in names]
    looping = [(name, shape) for name in LOOPS_OF if name in names for shape in plan["loops"]]
    many = [(name, shape) for name, shape in WORLDS_OF if name in names]
    gpus = wp.get_cuda_device_count() if options.device != "cpu" else 0
    sharing = [name for name in RANKS_OF if name in names and gpus > 1]
    total = 1 + len(names) + len(growing) + len(looping) + len(many) + len(sharing) + len(plan["cases"])
    progress = command.Progress("cuda report:", total)
    found: dict = {"script": "cuda_report", "command": report.invocation("cuda_report", options)}
    found |= {"machine": None, "settings": plan, "absent": absent, "formula": model.FORMULA, "parts": []}

    def part(kind: str, label: str, **arguments: object) -> dict:
        begun = perf_counter()
        result = _in_process(options.device, kind, arguments, min(SECONDS[kind], deadline - begun))
        result |= {"kind": kind, "label": label, "seconds_taken": perf_counter() - begun}
        found["parts"].append(result)
        found["machine"] = found["machine"] or result.get("machine")
        report.write(options.out, "cuda_report", found, markdown(found))
        progress.step(f"{label}: {result['failed'] or 'done'}")
        return result

    part("environment", "environment")
    answers = {name: part("answer", f"answers of {name}", name=name) for name in names}
    for name in growing:
        part("growth", f"memory of {name}", name=name, count=plan["count"])
    for name, shape in looping:
        part("loops", f"loops of {name} {report.shape_text(shape)}", name=name, shape=shape)
    for name, shape in many:
        label = f"worlds of {name} {report.shape_text(shape)}"
        part("worlds", label, name=name, shape=shape, counts=plan["worlds"])
    for name in sharing:
        part("ranks", f"{gpus} ranks of {name}", name=name, shape=(1024, 1024), count=gpus)
    taking_part = [name for name, result in answers.items() if right(result)] + [rival.name for rival in libraries]
    times_plan = {"frames": plan["frames"], "rounds": plan["rounds"], "limit": LIMIT}
    for flow, shape in plan["cases"]:
        label = f"times of {flow} {report.shape_text(shape)}"
        part("times", label, names=taking_part, flow=flow, shape=shape, plan=times_plan)
    report.write(options.out, "cuda_report", found, markdown(found), plot(found))
    print(markdown(found))
    return 0


def right(result: Mapping) -> bool:
    """Whether every answer of the part was a solution."""
    return not result["failed"] and all(case["refused"] or case["solved"] for case in result["cases"])


def _in_process(device: str, kind: str, arguments: Mapping, seconds: float) -> dict:
    """What the part found; ``failed`` is None, or says why it found nothing."""
    if seconds <= 0:
        return {"failed": "skipped: time is up"}
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        part = json.dumps({"kind": kind, "arguments": arguments})
        words = ["--device", device, "--part", part, "--answer", str(answer)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "bench.cuda_report", *words],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"stopped after {seconds:.0f} s"}
        if not answer.exists():
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return {"failed": f"exit code {done.returncode}: {lines[-1] if lines else 'no message'}", "stderr": lines}
        return json.loads(answer.read_text()) | {"failed": None}


if __name__ == "__main__":
    raise SystemExit(main())
