"""What the choice of a leaf's coarse functions is worth: the target of learned coarse spaces. Ranks that adapt.

    python -m bench.oracle [--quick] [--full]       (default: some minutes on one core)

fp64 references (``congruence.py``, ``selections.py``) with leaves of 128 cells. Iterations to 1e-8, interpolated
between the last two, from x = Q b; random right-hand sides; mean over frames, *additive / deflated / deflated
red-black*. At equal mean number of functions a leaf, the constant included:

- *classical*: Haar functions after one inverse step, as shipped; *strips*: with the order of halving that it had before
  (of equally long axes always the first), for older figures; both are the same with 8 functions in 2D;
- *chosen of N*: what the library chooses of N classical candidates, each neighbour eliminated alone;
- *GenEO*: the lowest eigenvectors of the closed leaf against the leaf, among 32 classical candidates; nothing but the
  leaf is needed;
- *best of N*: the oracle of ``hpsolver.network.oracle``, by a dense inverse; *best of all*: of all 128; *ring*: best of
  32 by the leaf and its neighbours alone;
- *adaptive N*: one threshold over the frame, each leaf 1 to N functions and the mean as in the other columns.

The oracle is best for the sum of 1 / lambda over what deflation leaves, and that is not the number of iterations: where
another choice takes fewer, that is a fact and no error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from hpsolver import Solver
from hpsolver.preconditioners import Schwarz
from hpsolver.preconditioners.haar import haar

from . import command, learned, machine, report, selections
from .congruence import Skeleton, iterations
from .near_field import leaves, read
from .selections import Ranking

TOLERANCE = 1e-8
LIMIT = 500.0
"""Iterations after which ``iterations`` gives up."""

MEANS = (4, 8)
"""Functions of a leaf."""

CHOSEN, BEST, CLASSICAL = "chosen of 16", "best of 32", "classical"
RED_BLACK_FORM = "deflated red-black"
CANDIDATES = 32
MODERATE = (("panel", None), *((family, 1e3) for family in ("bubbles", "film", "noise", "dam", "tank")))
HARD = tuple((family, 1e5) for family in ("bubbles", "film", "noise"))
SPACE = MODERATE[1:4]

SCALES = {
    "quick": {"plane": (32, 32), "plane cases": MODERATE[2:3], "space": (16, 8, 8), "space cases": (), "frames": 1},
    "default": {
        "plane": (64, 64),
        "plane cases": MODERATE + HARD,
        "space": (16, 16, 16),
        "space cases": SPACE,
        "frames": 3,
    },
}
SCALES["full"] = SCALES["default"] | {"frames": 10}


def choices(solver: Solver, skeleton: Skeleton) -> dict[int, dict[str, torch.Tensor]]:
    """Bases [K, L, R] by mean number of functions and name; those that adapt have columns of zeros."""
    bricks = solver.system.bricks
    few, some, many = (selections.candidates(skeleton, haar(bricks.extent, count - 1)) for count in (8, 16, CANDIDATES))
    A = solver.matrix()[bricks.cell][:, bricks.cell]
    chosen, best = selections.by_neighbors(skeleton, some), selections.by_gain(skeleton, many)
    uniform = {
        "GenEO": selections.by_spectrum(skeleton, many),
        "chosen of 8": selections.by_neighbors(skeleton, few),
        CHOSEN: chosen,
        "chosen of 32": selections.by_neighbors(skeleton, many),
        "best of 16": selections.by_gain(skeleton, some),
        BEST: best,
        "best of all": selections.by_gain_of_all(skeleton, A),
        "ring": selections.by_gain_of_ring(skeleton, many, bricks.coordinates),
    }
    adaptive = {
        "chosen of 8, adaptive": (uniform["chosen of 8"], 8),
        f"{CHOSEN}, adaptive": (chosen, 16),
        f"{BEST}, adaptive": (best, CANDIDATES),
    }
    return {
        mean: {
            "strips": selections.candidates(skeleton, selections.strips(bricks.extent, mean - 1)),
            CLASSICAL: selections.candidates(skeleton, haar(bricks.extent, mean - 1)),
            **{name: ranking.basis(mean) for name, ranking in uniform.items() if name != "chosen of 8" or mean < 8},
            **{name: adapted(ranking, mean, most) for name, (ranking, most) in adaptive.items() if mean < most},
        }
        for mean in MEANS
    }


def adapted(ranking: Ranking, mean: int, most: int) -> torch.Tensor:
    return ranking.basis(ranking.ranks(mean, most))


def counts(skeleton: Skeleton, rhs: torch.Tensor) -> dict[str, float]:
    """Iterations by form."""
    products = (skeleton.additive, skeleton.deflated(leaves), skeleton.deflated(skeleton.sweep()))
    found = (iterations(skeleton, product, rhs, TOLERANCE) for product in products)
    return {form: LIMIT if np.isnan(count) else count for form, count in zip(learned.VARIANTS, found, strict=True)}


def measure(plan: dict, step: Callable[[str], None]) -> list[dict]:
    """A row for a case, a mean number of functions and a choice: iterations by form, and largest rank, frame by
    frame."""
    rows = []
    for kind in ("plane", "space"):
        shape = plan[kind]
        solver = Solver(shape, preconditioner=Schwarz(8), precision="float64", tolerance=TOLERANCE, device="cpu")
        for family, contrast in plan[f"{kind} cases"]:
            case = f"{family} {contrast:.0e}".replace("e+0", "e") if contrast else f"{family} 5-100"
            found: dict[tuple[int, str], dict] = {}
            for frame in learned.gallery(family, shape, plan["frames"], contrast):
                skeleton, rhs = read(solver, frame, 8)
                for mean, bases in choices(solver, skeleton).items():
                    solved: dict[str, dict[str, float]] = {}
                    for name, basis in bases.items():
                        same = next((other for other in solved if torch.equal(bases[other], basis)), None)
                        solved[name] = solved[same] if same else counts(skeleton.with_basis(basis), rhs)
                        head = {"shape": shape, "case": case, "functions": mean, "choice": name}
                        row = found.setdefault((mean, name), head)
                        row.setdefault("largest rank", []).append(basis.shape[2])
                        for form, count in solved[name].items():
                            row.setdefault(form, []).append(count)
                step(f"{report.shape_text(shape)} {case}")
            rows += found.values()
    return rows


class Ratios:
    """How many times the iterations one choice takes of another (of mean counts); RED_BLACK_FORM unless said."""

    def __init__(self, rows: Sequence[dict]):
        self._counts = {
            (case_name(row), row["functions"], row["choice"], form): float(np.mean(row[form]))
            for row in rows
            for form in learned.VARIANTS
        }
        self.cases = list(dict.fromkeys(case_name(row) for row in rows))
        self.plane = list(dict.fromkeys(case_name(row) for row in rows if len(row["shape"]) == 2))

    def case(self, case: str, mean: int, choice: str, other: str, form: str = RED_BLACK_FORM) -> float:
        return self._counts[case, mean, choice, form] / self._counts[case, mean, other, form]

    def mean(self, mean: int, choice: str, other: str, form: str = RED_BLACK_FORM) -> float:
        """Geometric, of the 2D cases."""
        return float(np.exp(np.mean([np.log(self.case(c, mean, choice, other, form)) for c in self.plane])))

    def text(self, choice: str, other: str, form: str = RED_BLACK_FORM) -> str:
        """Mean, least and largest in 2D for each mean number of functions."""
        parts = []
        for mean in MEANS:
            found = [self.case(case, mean, choice, other, form) for case in self.plane]
            middle = self.mean(mean, choice, other, form)
            parts.append(f"{middle:.2f} ({min(found):.2f} to {max(found):.2f}) at {mean}")
        return ", ".join(parts)


RATIOS = {
    "classical / chosen of 16, additive": (CLASSICAL, CHOSEN, "additive"),
    "deflated": (CLASSICAL, CHOSEN, "deflated"),
    "deflated red-black": (CLASSICAL, CHOSEN),
    "strips / chosen of 16": ("strips", CHOSEN),
    "chosen / best of 16": (CHOSEN, "best of 16"),
    "chosen / best of 32": ("chosen of 32", BEST),
    "best of 16 / of 32": ("best of 16", BEST),
    "best of 32 / of all": (BEST, "best of all"),
    "ring / best of 32": ("ring", BEST),
    "chosen of 16, uniform / adaptive": (CHOSEN, f"{CHOSEN}, adaptive"),
    "best of 32, uniform / adaptive": (BEST, f"{BEST}, adaptive"),
    "classical / GenEO": (CLASSICAL, "GenEO"),
}
"""Columns of the table of ratios."""


def case_name(row: dict) -> str:
    return f"{report.shape_text(row['shape'])} {row['case']}"


def conclusions(found: dict, ratios: Ratios) -> list[str]:
    largest = max(max(row["largest rank"]) for row in found["rows"])
    best = f"{BEST}, adaptive"
    lines = {
        "The choice": ("classical / chosen of 16", (CLASSICAL, CHOSEN)),
        "Against the old strips": ("strips / chosen of 16", ("strips", CHOSEN)),
        "Left by the choice": ("chosen of 32 / best of 32", ("chosen of 32", BEST)),
        "More candidates, chosen": ("chosen of 16 / of 32", (CHOSEN, "chosen of 32")),
        "More candidates, best": ("best of 32 / best of all", (BEST, "best of all")),
        "Left to a network": ("chosen of 16 / best of all", (CHOSEN, "best of all")),
        "Ranks, chosen": ("chosen of 16, uniform / adaptive", (CHOSEN, f"{CHOSEN}, adaptive")),
        "Ranks, best": ("best of 32, uniform / adaptive", (BEST, best)),
        "One ring of neighbours": ("ring / best of 32", ("ring", BEST)),
        "Closed faces in the place of neighbours": ("classical / GenEO", (CLASSICAL, "GenEO")),
    }
    texts = []
    for title, (what, pair) in lines.items():
        forms = (f"{form} {ratios.text(*pair, form)}" for form in ("additive", "deflated"))
        texts.append(f"**{title}**, {what}: {ratios.text(*pair)}; {'; '.join(forms)}.")
    return [*texts, f"Largest rank of any leaf where {CANDIDATES} were allowed: {largest}."]


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("oracle", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    frames = plan["frames"] * (len(plan["plane cases"]) + len(plan["space cases"]))
    progress = command.Progress("oracle: frame", frames)
    with machine.one_thread() as threads:
        found = report.result("oracle", options, threads, {"tolerance": TOLERANCE} | plan)
        found["rows"] = measure(plan, progress.step)
    text = markdown(found)
    report.write(options.out, "oracle", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    about = __doc__.split("\n\n", 2)[2].strip()
    ratios = Ratios(found["rows"])
    parts = ["# What the choice of coarse functions is worth", report.preface(found), about, "## In words"]
    parts.append(
        "Ratios of iterations, deflated red-black unless said: geometric mean of the 2D cases (least to most)."
    )
    parts.append("\n".join(f"- {line}" for line in conclusions(found, ratios)))
    parts += ["## Ratios, case by case", "With 4 / with 8 functions a leaf; from the fourth column on red-black."]
    parts.append(report.table(["", *RATIOS], ratio_lines(ratios)))
    for mean in MEANS:
        cases: dict[str, dict[str, str]] = {}
        for row in found["rows"]:
            if row["functions"] == mean:
                cases.setdefault(case_name(row), {})[row["choice"]] = cell(row)
        heads = list(next(iter(cases.values())))
        lines = [[case, *(texts[name] for name in heads)] for case, texts in cases.items()]
        parts += [f"## Iterations, {mean} functions a leaf", f"Frames of each: {found['settings']['frames']}."]
        parts.append(report.table(["", *heads], lines))
    return "\n\n".join(parts)


def ratio_lines(ratios: Ratios) -> list[list[str]]:
    lines = [
        [case, *(" / ".join(f"{ratios.case(case, mean, *of):.2f}" for mean in MEANS) for of in RATIOS.values())]
        for case in ratios.cases
    ]
    means = (" / ".join(f"{ratios.mean(mean, *of):.2f}" for mean in MEANS) for of in RATIOS.values())
    return [*lines, ["2D, geometric mean", *means]]


def cell(row: dict) -> str:
    """Mean iterations of each form."""
    return " / ".join((">" if LIMIT in row[form] else "") + f"{np.mean(row[form]):.1f}" for form in learned.VARIANTS)


if __name__ == "__main__":
    raise SystemExit(main())
