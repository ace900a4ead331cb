"""Is there something for a network to learn in the near field? Iterations and work, parameters optimised per frame.

    python -m bench.near_field [--quick] [--full]       (default: some ten minutes on one core)

The default `schwarz` sweeps its leaves red-black-red inside A-DEF2. Here is what could stand in its place, as fp64
references (`congruence.py`, with the derivations), and oracles: weights and tiles optimised by Adam for the very frame
they are then used on (`near_oracles.py`), which a network that must guess them would hardly beat. A frame's iterations
are to 1e-8 from the same start, x = Q b, interpolated between the last two, so that less than an iteration can be seen.

Work is iterations times flops of an iteration, relative to red-black with 8 functions, summed over the frames: once
with leaves as dense inverses (256 flops a cell and sweep; what a GPU would do, where as many matrix entries must be
read), once as banded factors (34; what the CPU does). Counted besides: 12 a cell for CG's vectors, 9 per product with
A, restriction, coarse inverse (dense) and prolongation, and tiles as inside a large grid, four a leaf. Setup is not
counted: inference, and the tiles or Schur blocks themselves come for free here. *saved* is what they may cost at most
before nothing is gained: flops a cell and frame, with dense leaves.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from hpsolver import Solver
from hpsolver.preconditioners import Schwarz

from . import command, learned, machine, report
from .congruence import Product, Skeleton, factors, iterations, truncated
from .frames import Frame
from .near_oracles import Kaporin, TileObjective, fitted_weights, optimised_tiles, optimised_weights

TOLERANCE = 1e-8
FLOOR = "A-DEF2, red-black"
LARGEST_DENSE = 2048
"""Cells up to which the oracles that want dense matrices take part."""

SCALES = {
    "quick": {
        "sizes": ((32, 32),),
        "families": 1,
        "frames": 1,
        "oracle frames": 1,
        "weights": (0.9, 1.0),
        "weight steps": 2,
        "tile steps": 2,
        "ranks": (4,),
    },
    "default": {
        "sizes": ((32, 32), (64, 64)),
        "families": 4,
        "frames": 4,
        "oracle frames": 1,
        "weights": (0.9, 1.0, 1.05, 1.15),
        "weight steps": 20,
        "tile steps": 120,
        "ranks": (4, 8),
    },
}
SCALES["full"] = SCALES["default"] | {"sizes": ((32, 32), (64, 32), (64, 64)), "oracle frames": 4, "tile steps": 400}


@dataclass(frozen=True)
class Cost:
    """What an iteration does, beyond CG's vectors and its product with A.

    Attributes:
        sweeps: over all leaves as they are; ``full``: of leaves whose matrices have no band.
        products: with A.
        functions: a leaf.
        entries: of tile factors, a cell; each is used twice.
    """

    sweeps: float = 1.0
    products: int = 0
    functions: int = 8
    entries: float = 0.0
    full: float = 0.0

    def flops(self, leaves: int, *, dense: bool) -> float:
        """A cell."""
        own = 256.0 if dense else 34.0
        coarse = 4.0 * self.functions + 2.0 * leaves * self.functions**2 / 128.0
        leaf = own * self.sweeps + 256.0 * self.full
        return 12.0 + 9.0 * (1 + self.products) + leaf + coarse + 4.0 * self.entries

    def text(self) -> list[str]:
        return [f"{self.sweeps + self.full:g}", str(1 + self.products), f"{self.entries:g}", str(self.functions)]


RED_BLACK = Cost(1.5, 1)
SCHUR = Cost(1.0, 1, full=0.5)


def tile_entries(rank: int, columns: float = 128.0) -> float:
    """Entries a cell of four tiles a leaf: U of 128 rows, V of ``columns``; 12 is a face in the mean."""
    return 4.0 * rank * (128.0 + columns) / 128.0


Variants = dict[str, tuple[Skeleton, Product, Cost]]
"""By name: the frame with the coarse space used, M, what M costs."""


def near_fields(skeleton: Skeleton, finer: Skeleton) -> Variants:
    """What needs no optimisation, with 8 functions a leaf, and 16 in ``finer``."""
    blocks, banded = (skeleton.schur_blocks(banded=cut) for cut in (False, True))
    additive, deflated = skeleton.additive, skeleton.deflated
    found = {
        "additive": (skeleton, additive, Cost()),
        "A-DEF2": (skeleton, deflated(leaves), Cost(products=1)),
        FLOOR: (skeleton, deflated(skeleton.sweep()), RED_BLACK),
        "A-DEF2, red-black-red-black-red": (skeleton, deflated(skeleton.sweep(rounds=2)), Cost(2.5, 1)),
        f"{FLOOR}, Schur blocks within the band": (skeleton, deflated(skeleton.sweep(middle=banded)), RED_BLACK),
        f"{FLOOR}, Schur blocks": (skeleton, deflated(skeleton.sweep(middle=blocks)), SCHUR),
        f"{FLOOR}, 16 functions": (finer, finer.deflated(finer.sweep()), replace(RED_BLACK, functions=16)),
        f"{FLOOR}, Schur blocks, 16 functions": (
            finer,
            finer.deflated(finer.sweep(middle=blocks)),
            replace(SCHUR, functions=16),
        ),
    }
    for a in (0.5, 0.75, 1.0):
        tiles = skeleton.exact_tiles(a)
        found[f"exact tiles, a = {a}"] = skeleton, skeleton.congruence(tiles, additive), Cost(3.0)
        found[f"A-DEF2, exact tiles, a = {a}"] = skeleton, deflated(skeleton.congruence(tiles, leaves)), Cost(3.0, 1)
    for rank in (8, 4):
        product = skeleton.congruence(truncated(skeleton.exact_tiles(0.5), rank), additive)
        cost = Cost(entries=tile_entries(rank, 12.0))
        found[f"exact tiles cut to rank {rank}, a = 0.5"] = skeleton, product, cost
    return found


def leaves(r: torch.Tensor) -> torch.Tensor:
    """All leaves at once, in energy coordinates."""
    return r


def optimised(skeleton: Skeleton, plan: dict) -> Variants:
    """The oracles that want dense matrices: for 32x32."""
    found = {}
    deflated, whole = Kaporin(skeleton, deflated=True), Kaporin(skeleton, deflated=False)
    weights, _ = optimised_weights(deflated, plan["weight steps"], 0.05)
    name = f"{FLOOR}, weights by Kaporin's number"
    found[name] = skeleton, skeleton.deflated(skeleton.sweep(weights)), RED_BLACK
    inners = {
        "": (whole, skeleton.additive, Cost()),
        f"{FLOOR}, ": (deflated, skeleton.sweep(), RED_BLACK),
        f"{FLOOR}, Schur blocks, ": (
            deflated,
            skeleton.sweep(middle=skeleton.schur_blocks(banded=False)),
            SCHUR,
        ),
    }
    for (name, (kaporin, inner, cost)), rank in itertools.product(inners.items(), plan["ranks"]):
        objective = TileObjective(kaporin, skeleton.dense(inner))
        start = 0.75 if kaporin is whole else 0.0
        tiles, _ = optimised_tiles(objective, skeleton, rank, start, plan["tile steps"], 1e-2)
        for error in (0.0, 0.1, 0.3):
            near = skeleton.congruence(blurred(tiles, error, rank), inner)
            product = near if kaporin is whole else skeleton.deflated(near)
            what = f"{name}optimised tiles of rank {rank}" + (f", wrong by {error:.0%}" if error else "")
            found[what] = skeleton, product, replace(cost, entries=tile_entries(rank))
    return found


def blurred(tiles: torch.Tensor, error: float, rank: int) -> torch.Tensor:
    """Tiles of ``rank`` with a random error in both factors, in the energy norm relative to each factor: what a network
    might have predicted."""
    generator = torch.Generator().manual_seed(0)
    wrong = []
    for factor in factors(tiles, rank):
        noise = torch.randn(factor.shape, dtype=factor.dtype, generator=generator)
        size = factor.norm(dim=(1, 2), keepdim=True) / noise.norm(dim=(1, 2), keepdim=True)
        wrong.append(factor + error * size * noise)
    return wrong[0] @ wrong[1].mT


def fitted(skeleton: Skeleton, rhs: torch.Tensor, plan: dict) -> Variants:
    unrolled = int(iterations(skeleton, skeleton.deflated(skeleton.sweep()), rhs, TOLERANCE))
    weights, _ = fitted_weights(skeleton, rhs, unrolled, plan["weight steps"], 0.03)
    name = f"{FLOOR}, weights by the residual"
    return {name: (skeleton, skeleton.deflated(skeleton.sweep(weights)), RED_BLACK)}


def read(solver: Solver, frame: Frame, functions: int) -> tuple[Skeleton, torch.Tensor]:
    """Skeleton and right-hand side [K, L] of a frame."""
    solver.step(frame.density, frame.rhs)
    skeleton = Skeleton.of_solver(solver, functions)
    rhs = torch.from_numpy(solver.system.bricks.to_bricks(frame.rhs - frame.rhs.mean()))
    return skeleton, rhs.unflatten(0, (skeleton.leaves, -1))


def scanned(skeleton: Skeleton, weights: Iterable[float]) -> Variants:
    """One weight for all red leaves, one for all black ones."""
    found = {}
    for first, second in itertools.product(weights, repeat=2):
        weight = first * skeleton.red + second * (1.0 - skeleton.red)
        name = FLOOR if first == second == 1.0 else f"red {first:g}, black {second:g}"
        found[name] = skeleton, skeleton.deflated(skeleton.sweep(weight)), RED_BLACK
    return found


def measure(plan: dict, step: Callable[[str], None]) -> dict[str, list[dict]]:
    """Rows by section: a variant's iterations on each family's frames, and its cost."""
    sections: dict[str, dict[str, dict]] = {}
    cases = itertools.product(plan["sizes"], learned.FAMILIES[: plan["families"]])
    for shape, (family, contrast) in cases:
        size = report.shape_text(shape)
        solver = Solver(shape, preconditioner=Schwarz(8), precision="float64", tolerance=TOLERANCE, device="cpu")
        for number, frame in enumerate(learned.gallery(family, shape, plan["frames"], contrast)):
            skeleton, rhs = read(solver, frame, 8)
            finer, _ = read(solver, frame, 16)
            found = {
                f"{size}, nothing optimised": near_fields(skeleton, finer),
                f"{size}, two weights for all leaves": scanned(skeleton, plan["weights"]),
            }
            if number < plan["oracle frames"]:
                classical = found[f"{size}, nothing optimised"]
                section = found[f"{size}, optimised for the frame"] = {k: v for k, v in classical.items() if FLOOR in k}
                section |= fitted(skeleton, rhs, plan)
                if skeleton.cells <= LARGEST_DENSE:
                    section |= optimised(skeleton, plan)
            for section, variants in found.items():
                rows = sections.setdefault(section, {})
                for name, (of, product, cost) in variants.items():
                    row = rows.setdefault(name, {"variant": name, "cost": cost, "leaves": skeleton.leaves})
                    row.setdefault(family, []).append(iterations(of, product, rhs, TOLERANCE))
            step(f"{size} {family}")
    return {name: list(rows.values()) for name, rows in sections.items()}


def with_work(rows: list[dict]) -> list[dict]:
    """Rows of one section with ``dense work`` and ``banded work`` relative to red-black's; ``saved``: the dense flops a
    cell and frame that are saved."""
    floor = next(row for row in rows if row["variant"] == FLOOR)

    def work(row: dict, dense: bool) -> float:
        counts = [count for key, value in row.items() if isinstance(value, list) for count in value]
        return float(np.sum(counts)) * row["cost"].flops(row["leaves"], dense=dense)

    frames = sum(len(value) for value in floor.values() if isinstance(value, list))
    kinds = {"dense work": True, "banded work": False}
    return [
        row
        | {kind: work(row, dense) / work(floor, dense) for kind, dense in kinds.items()}
        | {"saved": (work(floor, True) - work(row, True)) / frames}
        for row in rows
    ]


def inference_flops(shape: tuple[int, ...]) -> float:
    """Flops a cell of Torch's products in a frame of ``htp``: the shipped network."""
    solver = Solver(shape, preconditioner="htp", device="cpu")
    first, second = learned.gallery("panel", shape, 2)
    solver.step(first.density, first.rhs)
    with FlopCounterMode(display=False) as counter:
        solver.step(second.density, second.rhs)
    return counter.get_total_flops() / solver.grid.cells


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("near_field", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    frames = len(plan["sizes"]) * plan["families"] * plan["frames"]
    progress = command.Progress("near field: frame", frames)
    with machine.one_thread() as threads:
        found = report.result("near_field", options, threads, {"tolerance": TOLERANCE} | plan)
        found["inference flops a cell"] = inference_flops(plan["sizes"][-1])
        found["sections"] = {name: with_work(rows) for name, rows in measure(plan, progress.step).items()}
    text = markdown(found)
    for rows in found["sections"].values():
        for row in rows:
            row["cost"] = vars(row["cost"])
    report.write(options.out, "near_field", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    about = __doc__.split("\n\n", 2)[2].strip()
    parts = ["# What there is to learn in the near field", report.preface(found), about]
    parts.append(f"Shipped network, one forward pass: {found['inference flops a cell']:.0f} flops a cell.")
    for name, rows in found["sections"].items():
        families = [key for key, value in rows[0].items() if isinstance(value, list)]
        heads = ["near field", *families, "sweeps", "products with A", "tile entries a cell", "functions"]
        if name.endswith("weights for all leaves"):
            rows = sorted(rows, key=lambda row: row["dense work"])
            rows = [*rows[:5], *(row for row in rows[5:] if row["variant"] == FLOOR)]
        lines = [
            [
                row["variant"],
                *(f"{np.mean(row[family]):.1f}" for family in families),
                *row["cost"].text(),
                *(f"{row['dense work']:.2f}", f"{row['saved']:.0f}", f"{row['banded work']:.2f}"),
            ]
            for row in rows
        ]
        number = f"{len(rows[0][families[0]])} of each family's frames, mean iterations."
        parts += [f"## {name}", number, report.table([*heads, "dense work", "saved", "banded work"], lines)]
    return "\n\n".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
