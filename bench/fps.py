"""Milliseconds per frame, update included: our preconditioners and the libraries a user would pick instead.

    python -m bench.fps [--quick] [--out FOLDER]

Rules: BLAS on one thread; warm-up and compilation apart; rivals interleaved and repeated; the same tolerance on the
TRUE residual for all, checked after timing with an independent assembly (a rival that misses it is shown as FAILED).
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from hpsolver import problems

from . import bare, rivals

TOLERANCE = 1e-6
RESULTS = Path(__file__).parent / "results"
CASES = [
    ("panel", (32, 32), None),
    ("panel", (64, 64), None),
    ("panel", (128, 64), None),
    ("panel", (128, 128), None),
    ("noise", (128, 128), 1e3),
    ("film", (128, 128), 1e3),
    ("bubbles", (32, 16, 16), 1e3),
]
QUICK = [("panel", (32, 32), None)]


def measure_case(family: str, shape: tuple[int, ...], contrast: float | None, rounds: int) -> dict:
    """Every rival on the same frames, in turn; ``rounds`` frames after a first that is not timed."""
    frames = [problems.frame(family, shape, seed=10000 + s, contrast=contrast) for s in range(4)]
    solves, solvers = rivals.external(TOLERANCE), {}
    for name in rivals.VARIANTS:
        solves[name], solvers[name] = rivals.ours(name, shape, TOLERANCE)
    rows = {name: {"ms": [], "iterations": [], "residual": [], "update_ms": []} for name in solves}
    for round_number in range(rounds + 1):
        density, rhs = frames[round_number % len(frames)]
        matrix = rivals.assemble(density)
        for name, solve in solves.items():
            start = time.perf_counter()
            pressure, iterations = solve(density, rhs)
            elapsed = (time.perf_counter() - start) * 1e3
            residual = np.linalg.norm(rhs.ravel() - matrix @ pressure.ravel()) / np.linalg.norm(rhs)
            if round_number == 0:
                continue
            row = rows[name]
            row["ms"].append(elapsed)
            row["iterations"].append(iterations)
            row["residual"].append(float(residual))
            if name in solvers:
                row["update_ms"].append(float(solvers[name].info.timings["update"]))
    result = {"family": family, "shape": shape, "contrast": contrast, "rows": [summary(n, r) for n, r in rows.items()]}
    if len(shape) == 2:
        jacobi = next(row for row in result["rows"] if row["name"] == "jacobi")
        result["bare_jacobi_ms"] = jacobi["iterations"] * bare.bare_iteration_ms(shape)
        result["jacobi_over_bare"] = jacobi["p50"] / result["bare_jacobi_ms"]
    return result


def summary(name: str, row: dict) -> dict:
    p50, p95, worst = np.percentile(row["ms"], [50, 95, 100])
    residual = max(row["residual"])
    return {
        "name": name,
        "p50": float(p50),
        "p95": float(p95),
        "max": float(worst),
        "update": float(np.median(row["update_ms"])) if row["update_ms"] else None,
        "iterations": float(np.mean(row["iterations"])),
        "residual": residual,
        "failed": not residual <= 1.01 * TOLERANCE,
    }


def machine() -> dict:
    cpu = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line][:1]
    packages = {name: version(name) for name in ("warp-lang", "numpy", "scipy", "pyamg")}
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu[0] if cpu else platform.processor(),
        "device": "cpu",
        "blas_threads": 1,
        "python": platform.python_version(),
        **packages,
    }


def markdown(report: dict) -> str:
    about = report["machine"]
    lines = [
        f"Made by `{report['command']}` on {about['date']}, {about['cpu']}, one thread, Warp {about['warp-lang']}, "
        f"true relative residual <= {report['tolerance']:g}, milliseconds per frame, update included.",
        "",
    ]
    for case in report["cases"]:
        shape = "x".join(map(str, case["shape"]))
        contrast = "5-100" if case["contrast"] is None else f"{case['contrast']:g}"
        lines += [f"**{case['family']} {shape}, contrast {contrast}**", ""]
        lines += ["| solver | ms p50 | p95 | max | fps | update ms | iterations |", "|---|---|---|---|---|---|---|"]
        for row in sorted(case["rows"], key=lambda r: (r["failed"], r["p50"])):
            if row["failed"]:
                lines.append(f"| {row['name']} | FAILED: true residual {row['residual']:.1e} | | | | | |")
                continue
            update = "" if row["update"] is None else f"{row['update']:.2f}"
            lines.append(
                f"| {row['name']} | {row['p50']:.2f} | {row['p95']:.2f} | {row['max']:.2f} | {1e3 / row['p50']:.0f} "
                f"| {update} | {row['iterations']:.1f} |"
            )
        if "bare_jacobi_ms" in case:
            lines.append(f"\nJacobi over a bare native loop of as many iterations: {case['jacobi_over_bare']:.2f}")
        lines.append("")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fps", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one small case")
    parser.add_argument("--rounds", type=int, default=12, help="timed frames a rival (12)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(argv)
    cases = QUICK if options.quick else CASES
    report = {"command": "python -m bench.fps", "tolerance": TOLERANCE, "machine": machine(), "cases": []}
    begun = time.perf_counter()
    with threadpool_limits(1):
        for done, case in enumerate(cases, 1):
            report["cases"].append(measure_case(*case, options.rounds))
            left = (time.perf_counter() - begun) / done * (len(cases) - done)
            print(f"case {done}/{len(cases)} {case}, about {left:.0f} s left", file=sys.stderr, flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "fps.json").write_text(json.dumps(report, indent=1) + "\n")
    text = markdown(report)
    (options.out / "fps.md").write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
