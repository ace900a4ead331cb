"""What the choice of a leaf's coarse functions is worth: the target of learned coarse spaces. Ranks that adapt.

    python -m bench.oracle [--quick] [--full]       (default: some minutes on one core)

fp64 references (``congruence.py``, ``selections.py``) with leaves of 128 cells. Iterations to 1e-8, interpolated
between the last two, from x = Q b; random right-hand sides; mean over frames, *additive / deflated / deflated
red-black*. At equal mean number of functions a leaf, the constant included:

- *classical*: Haar functions after one inverse step, as shipped; *strips*: with the order of halving that it had before
  (of equally long axes always the first), for older figures; both are the same with 8 functions in 2D;
- *spectral N*: the lowest eigenvectors of the closed leaf against the leaf, among N classical candidates; no training
  and nothing but the leaf needed;
- *best of N*: the oracle of ``hpsolver.network.oracle``, by a dense inverse; *best of all*: of all 128; *ring*: best of
  32 by the leaf and its neighbours alone;
- *adaptive N*: one threshold over the frame, each leaf 1 to N functions and the mean as in the other columns.

The oracle is best for the sum of 1 / lambda over what deflation leaves, and that is not the number of iterations: where
another choice takes fewer, that is a fact and no error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from hpsolver import Solver
from hpsolver.bricks import Bricks
from hpsolver.preconditioners import Schwarz
from hpsolver.preconditioners.haar import haar

from . import command, learned, machine, report, selections
from .congruence import Skeleton, iterations
from .near_field import RED_BLACK, leaves, read
from .selections import Ranking

TOLERANCE = 1e-8
LIMIT = 500.0
"""Iterations after which ``iterations`` gives up."""

MEANS = (4, 8)
"""Functions of a leaf."""

BEST, CLASSICAL = "best of 32", "classical"
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
    few, many = (selections.candidates(skeleton, haar(bricks.extent, count - 1)) for count in (16, CANDIDATES))
    A = solver.matrix()[bricks.cell][:, bricks.cell]
    spectral, best = selections.by_spectrum(skeleton, many), selections.by_gain(skeleton, many)
    uniform = {
        "spectral 16": selections.by_spectrum(skeleton, few),
        "spectral 32": spectral,
        "best of 16": selections.by_gain(skeleton, few),
        BEST: best,
        "best of all": selections.by_gain_of_all(skeleton, A),
        "ring": selections.by_gain_of_ring(skeleton, many, bricks.coordinates),
    }
    adaptive = {
        f"{name}, adaptive {most}": (ranking, most)
        for name, ranking in (("spectral 32", spectral), (BEST, best))
        for most in (16, 32)
    }
    return {
        mean: {
            "strips": selections.candidates(skeleton, selections.strips(bricks.extent, mean - 1)),
            CLASSICAL: selections.candidates(skeleton, haar(bricks.extent, mean - 1)),
            **{name: ranking.basis(mean) for name, ranking in uniform.items()},
            **{name: adapted(ranking, mean, most) for name, (ranking, most) in adaptive.items()},
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

    def saved(self, mean: int, choice: str, other: str) -> list[float]:
        """Iterations fewer in the 2D cases."""
        key = RED_BLACK_FORM
        return [self._counts[c, mean, choice, key] - self._counts[c, mean, other, key] for c in self.plane]

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
    "classical / best of 32, additive": (CLASSICAL, BEST, "additive"),
    "deflated": (CLASSICAL, BEST, "deflated"),
    "deflated red-black": (CLASSICAL, BEST),
    "strips / best of 32": ("strips", BEST),
    "best of 16 / of 32": ("best of 16", BEST),
    "best of 32 / of all": (BEST, "best of all"),
    "ring / best of 32": ("ring", BEST),
    "best of 32, uniform / adaptive 16": (BEST, f"{BEST}, adaptive 16"),
    "classical / spectral 16": (CLASSICAL, "spectral 16"),
    "classical / spectral 32": (CLASSICAL, "spectral 32"),
    "classical / spectral 32, adaptive 16": (CLASSICAL, "spectral 32, adaptive 16"),
}
"""Columns of the table of ratios."""


def case_name(row: dict) -> str:
    return f"{report.shape_text(row['shape'])} {row['case']}"


def spectral_multiplications(candidates: int, functions: int, leaf: int, band: int) -> int:
    """Of a leaf, beyond the classical basis of ``functions``: more banded solves; two Gram matrices, each a product
    with a five-point matrix and half a symmetric product; a generalised eigenproblem with vectors, some 6 C^3; the
    combinations."""
    solves = (candidates - functions) * leaf * (2 * band + 1)
    gram = 2 * (5 * candidates * leaf + candidates**2 * leaf // 2)
    return solves + gram + 6 * candidates**3 + candidates * leaf * (functions - 1)


def iteration_multiplications(functions: int, bricks: Bricks, *, dense: bool = False) -> float:
    """Of a leaf, red-black, its inverse dense or banded factors."""
    return bricks.leaf_size * replace(RED_BLACK, functions=functions).flops(bricks.leaves, dense=dense) / 2


def prices(bricks: Bricks) -> list[dict]:
    """Multiplications a leaf of spectral selection, and how many iterations they are worth."""
    found = []
    for R in MEANS:
        for C in (16, 32):
            price = spectral_multiplications(C, R, bricks.leaf_size, bricks.halfwidth)
            banded, dense = (price / iteration_multiplications(R, bricks, dense=dense) for dense in (False, True))
            row = {"functions": R, "candidates": C, "multiplications": price, "a cell": price / bricks.leaf_size}
            found.append(row | {"banded iterations": banded, "dense iterations": dense})
    return found


def conclusions(found: dict, ratios: Ratios) -> list[str]:
    largest = max(max(row["largest rank"]) for row in found["rows"])
    padded = found["padding to 16"]
    adaptive = f"{BEST}, adaptive 16"
    return [
        f"**Left for learning**, classical / best of 32: {ratios.text(CLASSICAL, BEST)}; additive "
        f"{ratios.text(CLASSICAL, BEST, 'additive')}; deflated {ratios.text(CLASSICAL, BEST, 'deflated')}. Against the "
        f"old strips, red-black: {ratios.text('strips', BEST)}.",
        f"**More candidates**: best of 16 / best of 32 {ratios.text('best of 16', BEST)}; best of 32 / best of all "
        f"{ratios.text(BEST, 'best of all')}; deflated {ratios.text(BEST, 'best of all', 'deflated')}.",
        f"**Adaptive ranks**, uniform / adaptive, best of 32: {ratios.text(BEST, adaptive)}; additive "
        f"{ratios.text(BEST, adaptive, 'additive')}; deflated {ratios.text(BEST, adaptive, 'deflated')}. Spectral 32: "
        f"{ratios.text('spectral 32', 'spectral 32, adaptive 16')}. Largest rank of any leaf where 32 were allowed: "
        f"{largest}.",
        f"**One ring of neighbours**, ring / best of 32: {ratios.text('ring', BEST)}; additive "
        f"{ratios.text('ring', BEST, 'additive')}. In 3D, on so small a grid, the ring is a quarter to a half "
        "of all leaves, and says little.",
        f"**Spectral, without training**, classical / spectral 16: {ratios.text(CLASSICAL, 'spectral 16')}; spectral "
        f"32: {ratios.text(CLASSICAL, 'spectral 32')}; spectral 32, adaptive: "
        f"{ratios.text(CLASSICAL, 'spectral 32, adaptive 16')}. Spectral 32, adaptive / best of 32: "
        f"{ratios.text('spectral 32, adaptive 16', BEST)}.",
        "**Not built** in the library: spectral selection, because by count it costs more than it saves in most cases "
        "(table below), and ranks that vary from leaf to leaf. Kernels, layouts and the coarse inverse have R unknowns "
        "in every leaf. Columns of zeros, with a one in the coarse matrix, would do without new kernels, but then each "
        f"leaf pays for the largest rank: padded to 16, an iteration has {padded[0]:.1f} times the operations that it "
        f"has with 4 functions and {padded[1]:.1f} times those with 8 (banded leaves), and the coarse matrix takes 64 "
        "and 8 times those of its inversion. Without padding, the ratios above are all that is to be had, at best.",
    ]


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("oracle", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    frames = plan["frames"] * (len(plan["plane cases"]) + len(plan["space cases"]))
    progress = command.Progress("oracle: frame", frames)
    with machine.one_thread() as threads:
        found = report.result("oracle", options, threads, {"tolerance": TOLERANCE} | plan)
        found["rows"] = measure(plan, progress.step)
    bricks = Solver(plan["plane"], preconditioner=Schwarz(8), device="cpu").system.bricks
    found["spectral selection"] = prices(bricks)
    per_iteration = [iteration_multiplications(R, bricks) for R in (*MEANS, 16)]
    found["padding to 16"] = [per_iteration[-1] / one for one in per_iteration[:-1]]
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
    parts.append("## What spectral selection would cost")
    parts.append(
        "By count, beyond the classical basis, in every leaf that changed: multiplications, how many red-black "
        "iterations they are worth with banded leaves (as on a CPU) and with dense ones (as on a GPU), how many it "
        "saves in the 2D cases (least, median, most), and in how many of them that is more."
    )
    parts.append(report.table(PRICE_HEADS, price_lines(found["spectral selection"], ratios)))
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


PRICE_HEADS = ("functions", "choice", "multiplications a leaf", "a cell", "iterations, banded", "dense", "saves")
PRICE_HEADS += ("more, banded", "dense")


def price_lines(prices: Sequence[dict], ratios: Ratios) -> list[list[str]]:
    lines = []
    for price in prices:
        R, C = price["functions"], price["candidates"]
        counts = [f"{price[key]:.0f}" for key in ("multiplications", "a cell", "banded iterations", "dense iterations")]
        for name in [f"spectral {C}"] + (["spectral 32, adaptive 16"] if C == CANDIDATES else []):
            saved = np.array(ratios.saved(R, CLASSICAL, name))
            three = ", ".join(f"{count:.1f}" for count in np.percentile(saved, (0, 50, 100)))
            pays = [f"{(saved > price[f'{kind} iterations']).sum()} of {len(saved)}" for kind in ("banded", "dense")]
            lines.append([str(R), name, *counts, three, *pays])
    return lines


def cell(row: dict) -> str:
    """Mean iterations of each form."""
    return " / ".join((">" if LIMIT in row[form] else "") + f"{np.mean(row[form]):.1f}" for form in learned.VARIANTS)


if __name__ == "__main__":
    raise SystemExit(main())
