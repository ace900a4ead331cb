"""What threads of a CPU save on one grid: `Solver(threads=...)` beside one thread.

Frames of bubbles at 1000:1, a new density and right-hand side each time, to a true relative residual of 1e-6, which is
checked afterwards. Solvers take turns of some frames, so that each has the caches to itself; milliseconds are medians,
without the first two frames of a turn. The last column has one thread more than the machine has processors: what
threads cost that have to wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

import numpy as np

from hpsolver import Solver, problems
from hpsolver.spans import thread_count

from .harness import check, command, machine, report

TOLERANCE = 1e-6
TURN = 7
"""Frames of a turn."""
CHOICES = ("multigrid", "schwarz", "htp")
SHAPES = ((64, 64), (128, 128), (256, 256), (512, 512), (1024, 1024), (32, 32, 32), (64, 64, 64), (96, 96, 96))
SCALES = {
    "quick": {"shapes": ((48, 48), (12, 12, 12)), "turns": 1, "seconds": 5.0},
    "default": {"shapes": SHAPES, "turns": 6, "seconds": 12.0},
}
SCALES["full"] = SCALES["default"] | {"turns": 20, "seconds": 60.0}


def counts() -> list[int]:
    """Numbers of threads: 1, 2, 4, .. up to the processors, and one more than these."""
    processors = thread_count()
    powers = [2**k for k in range(processors.bit_length()) if 2**k <= processors]
    return [*dict.fromkeys([*powers, processors, processors + 1])]


def measure(plan: dict, threads: list[int]) -> Iterable[dict]:
    """Case by case: milliseconds by number of threads, iterations and the largest true residual. The turns of a case
    end after ``plan["seconds"]``, but none is left out altogether."""
    for shape in plan["shapes"]:
        given = [problems.frame("bubbles", shape, seed=frame, contrast=1e3) for frame in range(3)]
        matrices = [check.assemble(density) for density, _ in given]
        for name in CHOICES:
            solvers = {
                count: Solver(shape, preconditioner=name, threads=count, tolerance=TOLERANCE, device="cpu")
                for count in threads
            }
            out, taken, worst, begun = np.empty(shape), {count: [] for count in threads}, 0.0, perf_counter()
            for solver in solvers.values():
                solver.step(*given[0], out=out)  # compiles
            for turn in range(plan["turns"]):
                if turn and perf_counter() - begun > plan["seconds"]:
                    break
                for count, solver in solvers.items():
                    for frame in range(TURN):
                        start = perf_counter()
                        solver.step(*given[frame % 3], out=out)
                        if frame >= 2:
                            taken[count].append(1e3 * (perf_counter() - start))
                    last = (TURN - 1) % 3
                    worst = max(worst, check.true_residual(matrices[last], given[last][1], out))
            row = {"shape": shape, "preconditioner": name, "iterations": solvers[1].info.iterations}
            row["ms"] = {str(count): float(np.median(times)) for count, times in taken.items()}
            yield row | {"failed": not check.passes(worst, TOLERANCE)}


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("threads", __doc__).parse_args(argv)
    plan, threads = SCALES[options.scale], counts()
    progress = command.Progress("threads: case", len(plan["shapes"]) * len(CHOICES))
    with machine.one_thread() as limits:
        settings = {"tolerance": TOLERANCE, "threads": threads} | plan
        found = report.result("threads", options, limits, settings) | {"rows": []}
        for row in measure(plan, threads):
            found["rows"].append(row)
            progress.step(f"{row['preconditioner']} {row['shape']}")
    text = markdown(found)
    report.write(options.out, "threads", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    threads = [str(count) for count in found["settings"]["threads"]]

    def times(ms: dict[str, float]) -> list[str]:
        return [f"{ms[count]:.3g}" for count in threads] + [f"{ms[count] / ms['1']:.2f}" for count in threads[1:]]

    rows = [
        [report.shape_text(row["shape"]), row["preconditioner"], str(row["iterations"])]
        + (["FAILED"] * (2 * len(threads) - 1) if row["failed"] else times(row["ms"]))
        for row in found["rows"]
    ]
    heads = ["shape", "preconditioner", "iterations", *(f"ms, threads: {count}" for count in threads)]
    return "\n\n".join(
        [
            "# Threads of a CPU",
            report.preface(found),
            __doc__.split("\n\n", 1)[1].strip(),
            report.table([*heads, *(f"{count} over 1" for count in threads[1:])], rows),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
