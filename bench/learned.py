"""What learning is worth: iterations to 1e-8 of both neural preconditioners on frames they were not trained on.

Tables: the published method at its five sizes beside the published counts; where it generalises and where not; the
learned coarse space beside the classical one at equal size and variant, also on sizes and density families that it
never saw; its best variant over contrast and dimension. Entries are the mean and (worst) over frames, and the
number of frames that the fallback finished or that did not converge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hpsolver import Solver, problems
from hpsolver.preconditioners import Preconditioner, Schwarz, weight_files
from hpsolver.preconditioners.htp import HTP
from hpsolver.preconditioners.htp_paper import HTPaper

from .frames import SEED, Frame
from .harness import command, machine, report

TOLERANCE = 1e-8
MAX_ITERATIONS = 5000
CANDIDATES = 16
"""Candidates of a leaf, classical or learned, among which the library chooses its functions."""
PAPER_SHAPES = ((32, 32), (64, 32), (64, 64), (128, 64), (128, 128))
PUBLISHED = (46.7, 65.7, 80.4, 168.0, 393.6)
"""Iterations of arXiv 2605.13343 on its own frames at its five sizes, fp64 PCG to 1e-8."""

SCALES = {
    "quick": {"frames": 1, "paper": PAPER_SHAPES[:1], "sizes": ((32, 32),), "large": (), "space": ((16, 8, 8),)},
    "default": {
        "frames": 10,
        "paper": PAPER_SHAPES,
        "sizes": ((64, 64), (128, 64)),
        "large": ((256, 256), (512, 512)),
        "space": ((16, 16, 16), (32, 32, 32)),
    },
}
SCALES["full"] = {**SCALES["default"], "frames": 20}
VARIANTS = {
    "additive": {"sweep": "additive"},
    "deflated": {"sweep": "deflated"},
    "deflated red-black": {"sweep": "redblack"},
}
FAMILIES = (("panel", None), ("bubbles", 1e3), ("film", 1e3), ("noise", 1e3))
UNSEEN = (("dam", 1e3), ("tank", 1e3))
"""Density families that no training run draws from."""


@dataclass(frozen=True)
class Count:
    """Iterations over some frames.

    Attributes:
        mean, worst: iterations over all frames.
        failed: frames not converged, or finished by the fallback.
        frames: number of frames.
        update, solve: median milliseconds of a frame; prediction is part of the update.
    """

    mean: float
    worst: int
    failed: int
    frames: int
    update: float
    solve: float

    def text(self) -> str:
        failed = f", {self.failed} of {self.frames} by fallback or not" if self.failed else ""
        return f"{self.mean:.1f} ({self.worst}{failed})"


def count(preconditioner: str | Preconditioner, frames: Sequence[Frame]) -> Count:
    """Solves ``frames``, all of one shape, with walls on all sides. The preconditioner begins each of them, also after
    one that its fallback finished."""
    shape = frames[0].density.shape
    solver = Solver(
        shape, preconditioner=preconditioner, tolerance=TOLERANCE, max_iterations=MAX_ITERATIONS, device="cpu"
    )
    counts, failed, times = [], 0, []
    for frame in frames:
        solver._let_it_begin()
        solver.step(frame.density, frame.rhs)
        info = solver.info
        counts.append(info.iterations)
        failed += info.fallback or not info.converged
        times.append((info.timings["update"], info.timings["solve"]))
    update, solve = np.median(times[1:] or times, axis=0)  # the first compiles
    return Count(float(np.mean(counts)), max(counts), failed, len(counts), float(update), float(solve))


def gallery(family: str, shape: tuple[int, ...], number: int, contrast: float | None = None) -> list[Frame]:
    frames = (problems.frame(family, shape, seed=SEED + s, contrast=contrast) for s in range(number))
    return [Frame(*frame) for frame in frames]


def closed_panels(shape: tuple[int, ...], number: int) -> list[Frame]:
    """Panel frames whose walls cut the light fluid in two or more parts."""
    found: list[Frame] = []
    seed = SEED
    while len(found) < number:
        frame = Frame(*problems.frame("panel", shape, seed=seed))
        _, parts = ndimage.label(frame.density < 2.0)
        if parts > 1:
            found.append(frame)
        seed += 1
    return found


def published_method(plan: dict, step: Callable[[str], None]) -> list[dict]:
    """``htp_paper`` at the published sizes, beside Jacobi, ``schwarz`` and the published counts."""
    rows = []
    for shape, published in zip(plan["paper"], PUBLISHED, strict=False):
        frames = gallery("panel", shape, plan["frames"])
        counts = {name: count(name, frames) for name in ("jacobi", "htp_paper", "schwarz")}
        mine = counts["htp_paper"]
        times = {"inference ms": mine.update, "us per iteration": 1e3 * mine.solve / mine.mean}
        rows.append({"cells": shape[0] * shape[1], "published": published, **counts, **times})
        step(f"published method, {shape}")
    rows.insert(1, _published_width(plan["paper"][0], plan["frames"], rows[0]))
    return rows


def _published_width(shape: tuple[int, ...], number: int, row: dict) -> dict:
    """The row of the smallest size with the published width of the network, 128, trained for fewer steps."""
    wide = count(HTPaper(weight_files.shipped("htp_paper_1024_d128.safetensors")), gallery("panel", shape, number))
    times = {"inference ms": wide.update, "us per iteration": 1e3 * wide.solve / wide.mean}
    return row | {"cells": f"{row['cells']}_d128", "htp_paper": wide} | times


def generalisation(plan: dict, step: Callable[[str], None]) -> list[dict]:
    """The weights for 4,096 cells (1,024 with ``--quick``) on frames as trained, and on other kinds and sizes."""
    trained = plan["paper"][min(2, len(plan["paper"]) - 1)]
    number, cells = plan["frames"], trained[0] * trained[1]
    half = number // 2  # contrast c draws from c / 2 to c
    cases = {
        "as trained": gallery("panel", trained, number),
        "closed walls only": closed_panels(trained, number),
        "contrast 50-200": [*gallery("panel", trained, half, 100.0), *gallery("panel", trained, number - half, 200.0)],
        "contrast 500-1000": gallery("panel", trained, number, 1000.0),
        **{
            f"{family}, contrast 1000": gallery(family, trained, number, 1e3) for family in ("bubbles", "film", "noise")
        },
        "half as many cells": gallery("panel", (trained[0], trained[1] // 2), number),
        "twice as many cells": gallery("panel", (2 * trained[0], trained[1]), number),
    }
    rows = []
    for case, frames in cases.items():
        file = HTPaper.shipped(2, cells)
        rows.append({"case": case, "htp_paper": count(HTPaper(file), frames), "jacobi": count("jacobi", frames)})
        step(f"generalisation, {case}")
    return rows


def coarse_space(plan: dict, step: Callable[[str], None]) -> list[dict]:
    """Learned beside classical start functions, everything else equal: the first R classical ones (``classical``), the
    best R of 16 classical candidates (``chosen``), and the best R of 16 learned ones (``learned``)."""
    rows = []
    cases = [(f, c, s) for f, c in (*FAMILIES, *UNSEEN) for s in plan["sizes"]]
    cases += [(f, c, s) for f, c in FAMILIES for s in plan["large"]]
    for family, contrast, shape in cases:
        number = plan["frames"] if shape not in plan["large"] else max(plan["frames"] // 3, 1)
        frames = gallery(family, shape, number, contrast)
        for R in (4, 8):
            for name, options in VARIANTS.items():
                classical = count(Schwarz(R, candidates=R, leaf_size=128, **options), frames)
                chosen = count(Schwarz(R, candidates=CANDIDATES, **options), frames)
                learned = count(HTP(R, candidates=CANDIDATES, **options), frames)
                rows.append({"family": family, "shape": shape, "functions": R, "variant": name})
                rows[-1] |= {"classical": classical, "chosen": chosen, "learned": learned}
                rows[-1] |= {"classical / learned": classical.mean / learned.mean}
                rows[-1] |= {"chosen / learned": chosen.mean / learned.mean}
        step(f"coarse space, {family} {shape}")
    return rows


def best_variant(plan: dict, step: Callable[[str], None]) -> list[dict]:
    """The default variant of ``htp`` (8 functions, deflated, red-black) beside the defaults of its rivals."""
    cases = [("panel", None, shape) for shape in (*plan["paper"], *plan["large"])]
    cases += [(f, c, s) for c in (1e3, 1e5) for f, _ in FAMILIES[1:] for s in plan["sizes"]]
    cases += [("bubbles", 1e3, shape) for shape in plan["space"]]
    rows = []
    for family, contrast, shape in cases:
        number = plan["frames"] if shape not in plan["large"] else max(plan["frames"] // 3, 1)
        frames = gallery(family, shape, number, contrast)
        rivals = ("htp", "schwarz", "multigrid")
        rows.append({"family": family, "shape": shape, "contrast": contrast} | {r: count(r, frames) for r in rivals})
        step(f"best variant, {family} {shape}")
    return rows


SECTIONS = {
    "published method": published_method,
    "generalisation": generalisation,
    "coarse space": coarse_space,
    "best variant": best_variant,
}


def steps(plan: dict) -> int:
    cases = len(FAMILIES + UNSEEN) * len(plan["sizes"]) + len(FAMILIES) * len(plan["large"])
    best = len(plan["paper"]) + len(plan["large"]) + 6 * len(plan["sizes"]) + len(plan["space"])
    return len(plan["paper"]) + 9 + cases + best


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("learned", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("learned: case", steps(plan))
    with machine.one_thread() as threads:
        found = report.result("learned", options, threads, {"tolerance": TOLERANCE} | plan)
        for name, section in SECTIONS.items():
            found[name] = section(plan, progress.step)
    text = markdown(found)
    report.write(options.out, "learned", plain(found), text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    parts = ["# What learning is worth", report.preface(found), __doc__.split("\n\n", 1)[1].strip()]
    for name in SECTIONS:
        rows = found[name]
        parts += [f"## {name[0].upper()}{name[1:]}", report.table(list(rows[0]), map(cells, rows))]
    return "\n\n".join(parts)


def cells(row: dict) -> Iterable[str]:
    for key, value in row.items():
        if isinstance(value, Count):
            yield value.text()
        elif isinstance(value, tuple):
            yield report.shape_text(value)
        elif isinstance(value, float) and key != "contrast":
            yield f"{value:.2f}"
        elif key == "contrast":
            yield "5-100" if value is None else f"{value:g}"
        else:
            yield str(value)


def plain(value: object) -> object:
    """Dataclasses as dictionaries, for JSON."""
    if isinstance(value, Count):
        return vars(value)
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


if __name__ == "__main__":
    raise SystemExit(main())
