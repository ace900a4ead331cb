"""What the choice of a leaf's coarse functions is worth: a bound for learned coarse spaces. And ranks that adapt.

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
    """How many times the iterations one choice takes of another, case by case (of mean counts)."""

    def __init__(self, rows: Sequence[dict]):
        self._counts = {
            (tuple(row["shape"]), row["case"], row["functions"], row["choice"], form): float(np.mean(row[form]))
            for row in rows
            for form in learned.VARIANTS
        }
        self.cases = list(dict.fromkeys(key[:2] for key in self._counts))

    def count(self, case: tuple, mean: int, choice: str, form: str = RED_BLACK_FORM) -> float:
        return self._counts[(*case, mean, choice, form)]

    def each(self, mean: int, choice: str, other: str, form: str = RED_BLACK_FORM, dimension: int = 2) -> np.ndarray:
        cases = [case for case in self.cases if len(case[0]) == dimension]
        return np.array([self.count(c, mean, choice, form) / self.count(c, mean, other, form) for c in cases])

    def text(self, choice: str, other: str, form: str = RED_BLACK_FORM) -> str:
        """Geometric mean, least and largest in 2D, for each mean number of functions."""
        parts = []
        for mean in MEANS:
            found = self.each(mean, choice, other, form)
            middle = np.exp(np.log(found).mean())
            parts.append(f"{middle:.2f} ({found.min():.2f} to {found.max():.2f}) with {mean} functions")
        return ", ".join(parts)

    def saved(self, mean: int, choice: str, other: str) -> str:
        """Iterations red-black, least, median and largest in 2D."""
        cases = [case for case in self.cases if len(case[0]) == 2]
        found = [self.count(c, mean, choice) - self.count(c, mean, other) for c in cases]
        return f"{min(found):.1f} to {max(found):.1f}, median {np.median(found):.1f}"


def spectral_multiplications(candidates: int, functions: int, leaf: int, band: int) -> int:
    """Of a leaf, beyond the classical basis of ``functions``: more banded solves; two Gram matrices, each a product
    with a five-point matrix and half a symmetric product; a generalised eigenproblem with vectors, some 6 C^3; the
    combinations."""
    solves = (candidates - functions) * leaf * (2 * band + 1)
    gram = 2 * (5 * candidates * leaf + candidates**2 * leaf // 2)
    return solves + gram + 6 * candidates**3 + candidates * leaf * (functions - 1)


def iteration_multiplications(functions: int, bricks: Bricks, *, dense: bool = False) -> float:
    """Of a leaf, red-black."""
    return bricks.leaf_size * replace(RED_BLACK, functions=functions).flops(bricks.leaves, dense=dense) / 2


def conclusions(rows: Sequence[dict], bricks: Bricks) -> list[str]:
    ratios, leaf = Ratios(rows), bricks.leaf_size
    iteration = {R: iteration_multiplications(R, bricks) for R in (4, 8, 16)}
    dense = {R: iteration_multiplications(R, bricks, dense=True) for R in MEANS}
    price = {(C, R): spectral_multiplications(C, R, leaf, bricks.halfwidth) for C in (16, 32) for R in MEANS}
    largest = max(max(row["largest rank"]) for row in rows)
    lines = [
        "Ratios of iterations in 2D, deflated red-black unless said otherwise: geometric mean over the cases (least to "
        "largest).",
        f"**Left for learning**, classical / best of 32: {ratios.text(CLASSICAL, BEST)}; additive "
        f"{ratios.text(CLASSICAL, BEST, 'additive')}; deflated {ratios.text(CLASSICAL, BEST, 'deflated')}. Against the "
        f"old strips: {ratios.text('strips', BEST)}.",
        f"**Candidates**, best of 16 / best of 32: {ratios.text('best of 16', BEST)}; best of 32 / best of all: "
        f"{ratios.text(BEST, 'best of all')}; deflated {ratios.text(BEST, 'best of all', 'deflated')}.",
        f"**Adaptive ranks**, uniform / adaptive, best of 32: {ratios.text(BEST, f'{BEST}, adaptive 16')}; additive "
        f"{ratios.text(BEST, f'{BEST}, adaptive 16', 'additive')}; spectral 32: "
        f"{ratios.text('spectral 32', 'spectral 32, adaptive 16')}. Largest rank of any leaf where 32 were allowed: "
        f"{largest}.",
        f"**One ring**, ring / best of 32: {ratios.text('ring', BEST)}. In 3D, on so small a grid, the ring is half "
        "of it, and says little.",
        f"**Spectral, without training**, classical / spectral 16: {ratios.text(CLASSICAL, 'spectral 16')}; classical "
        f"/ spectral 32: {ratios.text(CLASSICAL, 'spectral 32')}; classical / spectral 32, adaptive: "
        f"{ratios.text(CLASSICAL, 'spectral 32, adaptive 16')}.",
    ]
    cost = [
        f"with {R} functions of {C} candidates {price[C, R] / 1e3:.0f} thousand multiplications a leaf "
        f"({price[C, R] / leaf:.0f} a cell), {price[C, R] / iteration[R]:.0f} iterations' worth "
        f"({price[C, R] / dense[R]:.0f} with dense leaves), to save {ratios.saved(R, CLASSICAL, f'spectral {C}')} iterations"
        + (f" (adaptive {ratios.saved(R, CLASSICAL, 'spectral 32, adaptive 16')})" if C == 32 else "")
        for C, R in price
    ]
    lines.append(
        f"**What spectral selection costs**, by count, beyond the classical basis, in every leaf that changed: "
        f"{'; '.join(cost)}. An iteration, red-black, is {iteration[4] / 1e3:.1f} and {iteration[8] / 1e3:.1f} "
        f"thousand multiplications a leaf with 4 and 8 functions where leaves are banded factors, as on a CPU, "
        f"{dense[4] / 1e3:.1f} and {dense[8] / 1e3:.1f} where they are dense inverses, as on a GPU."
    )
    lines.append(
        "**What variable ranks cost**: kernels, layouts and the coarse inverse have R unknowns in every leaf. Columns "
        "of zeros with a one in the coarse matrix would do without new kernels, but then every leaf pays for the largest "
        f"rank: an iteration with 16 functions is {iteration[16] / iteration[8]:.2f} times one with 8 and "
        f"{iteration[16] / iteration[4]:.2f} times one with 4, and the coarse matrix is inverted at its padded size, 8 "
        "and 64 times the operations."
    )
    lines.append("**Not built** in the library: spectral selection, and ranks that vary from leaf to leaf.")
    return lines


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("oracle", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    frames = plan["frames"] * (len(plan["plane cases"]) + len(plan["space cases"]))
    progress = command.Progress("oracle: frame", frames)
    with machine.one_thread() as threads:
        found = report.result("oracle", options, threads, {"tolerance": TOLERANCE} | plan)
        found["rows"] = measure(plan, progress.step)
    bricks = Solver(plan["plane"], preconditioner=Schwarz(8), device="cpu").system.bricks
    found["conclusions"] = conclusions(found["rows"], bricks)
    text = markdown(found)
    report.write(options.out, "oracle", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    about = __doc__.split("\n\n", 2)[2].strip()
    parts = ["# What the choice of coarse functions is worth", report.preface(found), about]
    parts += ["## In words", "\n".join(f"- {line}" for line in found["conclusions"])]
    for mean in MEANS:
        cases: dict[str, dict[str, str]] = {}
        for row in found["rows"]:
            if row["functions"] == mean:
                cases.setdefault(f"{report.shape_text(row['shape'])} {row['case']}", {})[row["choice"]] = cell(row)
        heads = list(next(iter(cases.values())))
        lines = [[case, *(texts[name] for name in heads)] for case, texts in cases.items()]
        parts += [f"## {mean} functions a leaf", f"{found['settings']['frames']} frames each."]
        parts.append(report.table(["", *heads], lines))
    return "\n\n".join(parts)


def cell(row: dict) -> str:
    """Mean iterations of each form."""
    return " / ".join((">" if LIMIT in row[form] else "") + f"{np.mean(row[form]):.1f}" for form in learned.VARIANTS)


if __name__ == "__main__":
    raise SystemExit(main())
