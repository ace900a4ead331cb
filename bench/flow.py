"""A long flow: what each solver needs in every one of 500 frames of the rising bubbles (1000:1).

Shows what only a sequence can: breakdowns, drift over time, what a warm start is worth, and for how many frames a
prediction of the learned coarse space can be kept (``refresh``). The default begins with ``multigrid``; ``htp`` has 8
functions on leaves of 128 cells unless its name says otherwise.
"""

from __future__ import annotations

import numpy as np

from hpsolver import Solver
from hpsolver.examples.rising_bubbles import TOLERANCE, Contestant
from hpsolver.examples.two_phase_flow import Flow
from hpsolver.preconditioners import HTP, Schwarz

from .harness import command, curves, machine, report

CONTRAST = 1000.0
SCALES = {
    "quick": {"shape": (32, 16), "frames": 6},
    "default": {"shape": (128, 64), "frames": 500},
    "full": {"shape": (256, 128), "frames": 500},
}
VARIANTS = {
    "schwarz": {"preconditioner": "schwarz"},
    "schwarz, warm start": {"preconditioner": "schwarz", "warm_start": True},
    "multigrid": {"preconditioner": "multigrid"},
    "htp": {"preconditioner": "htp"},
    "htp, warm start": {"preconditioner": "htp", "warm_start": True},
    "htp, refresh 10": {"preconditioner": HTP(refresh=10)},
    "htp, refresh 50": {"preconditioner": HTP(refresh=50)},
    "htp, refresh auto": {"preconditioner": HTP(refresh="auto")},
    "htp, refresh auto, warm start": {"preconditioner": HTP(refresh="auto"), "warm_start": True},
    "schwarz, 4 of 8 functions": {"preconditioner": Schwarz(4, candidates=8)},
    "schwarz, 8 functions": {"preconditioner": Schwarz(8)},
    "htp, 4 functions, refresh 50": {"preconditioner": HTP(4, refresh=50)},
    "htp, 4 functions, refresh auto": {"preconditioner": HTP(4, refresh="auto")},
    "htp, 4 functions, refresh auto, warm start": {"preconditioner": HTP(4, refresh="auto"), "warm_start": True},
    "jacobi": {"preconditioner": "jacobi", "max_iterations": 20000},
}


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("flow", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("flow: frame", plan["frames"])
    with machine.one_thread() as threads:
        settings = {"tolerance": TOLERANCE, "contrast": CONTRAST} | plan
        found = report.result("flow", options, threads, settings)
        contestants = [
            Contestant(name, Solver(plan["shape"], tolerance=TOLERANCE, device=options.device, **chosen))
            for name, chosen in VARIANTS.items()
        ]
        fallbacks = {contestant.name: 0 for contestant in contestants}
        flow = Flow(plan["shape"], CONTRAST, options.device)
        for frame in range(1, plan["frames"] + 1):
            flow.advance()
            pressures = []
            for contestant in contestants:
                pressures.append(contestant.solve(flow))
                fallbacks[contestant.name] += contestant.solver.info.fallback
            flow.project(pressures[0])
            progress.step(str(frame))
    found["rows"] = [_row(contestant, fallbacks[contestant.name]) for contestant in contestants]
    text = markdown(found)
    frames = list(range(1, plan["frames"] + 1))
    counts = {c.name: (frames, c.iterations) for c in contestants}
    figure = curves.plot({"rising bubbles 1000:1": counts}, "frame", "iterations")
    report.write(options.out, "flow", found, text, figure)
    print(text)
    return 0


def _row(contestant: Contestant, fallbacks: int) -> dict:
    times, quarter = np.array(contestant.milliseconds[1:]), max(len(contestant.iterations) // 4, 1)
    p50, p95, most = np.nanpercentile(times, [50, 95, 100])
    row = {"solver": contestant.name, "ms mean": np.mean(times), "p50": p50, "p95": p95, "max": most}
    row |= {"fps (mean)": 1e3 / np.mean(times)}
    row |= {"iterations": np.mean(contestant.iterations), "worst": max(contestant.iterations)}
    row |= {"first quarter": np.mean(contestant.iterations[:quarter])}
    row |= {"last quarter": np.mean(contestant.iterations[-quarter:])}
    return row | {"by fallback": fallbacks, "not converged": len(contestant.failures)}


def markdown(found: dict) -> str:
    settings = found["settings"]
    rows = [[report.number(v) if isinstance(v, float) else v for v in row.values()] for row in found["rows"]]
    return "\n\n".join(
        [
            "# A long flow",
            report.preface(found),
            f"Rising bubbles, {report.shape_text(settings['shape'])}, {settings['frames']} frames, true relative "
            f"residual <= {settings['tolerance']:g}; milliseconds of the whole pressure solve, prediction included. "
            "All solve the same frames; the flow follows the first.",
            report.table(list(found["rows"][0]), rows),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
