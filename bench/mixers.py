"""The learned coarse space's network: mixer, objective and seed, all trained for equally many steps.

    python -m bench.mixers [--quick] [--full]        (default: a quarter of an hour on one core; stopped runs go on)

Mixers, what tells a leaf of the others: neighbouring tokens and a global mean; low-rank spatial attention (arXiv
2604.03582); hierarchical kernel attention among leaves (arXiv 2604.08829); none. Iterations to 1e-8 on unseen frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
import torch

from hpsolver.network import weights
from hpsolver.network.basis import BasisConfig, BasisNetwork
from hpsolver.network.basis_task import BasisTask, patch_lattice
from hpsolver.network.frames import FrameConfig, FrameSource
from hpsolver.preconditioners import Schwarz
from hpsolver.preconditioners.htp import ARCHITECTURE, HTP
from hpsolver.training import Run, train

from . import command, learned, machine, report
from .leaf_mixers import MIXERS, make_mixer

SHAPE = (64, 64)
FUNCTIONS = (4, 8)
FRAMES = 5


@dataclass(frozen=True)
class MixingTask(BasisTask):
    """The learned coarse space with a mixer in every layer.

    Attributes:
        mixer: one of ``leaf_mixers.MIXERS``.
    """

    mixer: str = "neighbors"

    def make_network(self) -> BasisNetwork:
        c = self.network
        mixers = [make_mixer(self.mixer, c.width, c.heads, 2 * c.dimension) for _ in range(c.layers)]
        return BasisNetwork(c, mixers)


SETTINGS = {"network": BasisConfig(width=64, layers=2, functions=max(FUNCTIONS) - 1), "sizes": FUNCTIONS}
"""The leading functions are to be the coarse space: no choice among candidates, which would hide what a mixer knows."""

VARIANTS: dict[str, tuple[BasisTask, int]] = {
    "none": (BasisTask(**SETTINGS), 0),
    "none, seed 1": (BasisTask(**SETTINGS), 1),
    "none, seed 2": (BasisTask(**SETTINGS), 2),
    **{mixer: (MixingTask(**SETTINGS, mixer=mixer), 0) for mixer in MIXERS},
    "none, determinant objective": (BasisTask(**SETTINGS, objective="determinant"), 0),
    "none, cosine objective": (BasisTask(**SETTINGS, objective="cosine"), 0),
}
SCALES = {"quick": 2, "default": 2000, "full": 20000}


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("mixers", __doc__).parse_args(argv)
    steps = SCALES[options.scale]
    progress = command.Progress("mixers: variant", len(VARIANTS))
    with machine.one_thread() as threads:
        settings = {"steps": steps, "batch": 2, "functions": FUNCTIONS, "frames": FRAMES}
        found = report.result("mixers", options, threads, settings)
        frames = {family: learned.gallery(family, SHAPE, FRAMES, contrast) for family, contrast in learned.FAMILIES}
        found["rows"] = [
            {"network": name, "parameters": 0, "ms": None} | _counts(partial(_skeleton, basis), frames)
            for name, basis in {"classical basis": "classical", "best of 32 candidates": "optimal"}.items()
        ]
        for name, (task, seed) in VARIANTS.items():
            run = Run(steps, batch=2, rate=2e-3, warmup=min(100, steps // 2), seed=seed, validate_every=steps)
            folder = command.REHEARSED / "mixers" / f"{options.scale} {name}".replace(" ", "_")
            train(task, run, folder, quiet=True)
            path = folder / "best.safetensors"
            network = weights.load(path, ARCHITECTURE, lambda _, task=task: task.make_network(), BasisConfig)
            row = {"network": name, "parameters": sum(p.numel() for p in network.parameters())}
            row["ms"] = _milliseconds(network)

            def learned_basis(size: int, network: BasisNetwork = network, **options: object) -> HTP:
                return HTP.of_network(network, coarse_size=size, candidates=size, **options)

            found["rows"].append(row | _counts(learned_basis, frames))
            progress.step(name)
    text = "\n\n".join(
        [
            "# Mixers of the learned coarse space",
            report.preface(found),
            f"{steps} steps of 2 frames each; iterations to 1e-8 on {FRAMES} unseen frames of each family, "
            f"{report.shape_text(SHAPE)}, additive / deflated / deflated red-black, with {FUNCTIONS[0]} functions a "
            f"leaf and, in the last column, with {FUNCTIONS[1]}. ms: one forward pass, median.",
            report.table(list(found["rows"][0]), ([_cell(v) for v in row.values()] for row in found["rows"])),
        ]
    )
    report.write(options.out, "mixers", found, text)
    print(text)
    return 0


def _skeleton(basis: str, size: int, **options: object) -> Schwarz:
    return Schwarz(size, candidates=size, leaf_size=128, basis=basis, **options)


def _counts(kind, frames: dict[str, list]) -> dict[str, object]:
    """Mean iterations of the variants: family by family with few functions; over all with few and with many."""
    few, many = (
        {
            family: [learned.count(kind(size, **options), sequence).mean for options in learned.VARIANTS.values()]
            for family, sequence in frames.items()
        }
        for size in FUNCTIONS
    )
    means = zip(FUNCTIONS, (few, many), strict=True)
    return few | {f"all, {size}": list(np.mean(list(counts.values()), axis=0)) for size, counts in means}


def _milliseconds(network: BasisNetwork) -> float:
    operator = FrameSource(FrameConfig(shapes=(SHAPE,))).batch(0, 1)
    patches, times = patch_lattice(operator.lattice), []
    with torch.no_grad():
        for _ in range(12):
            begun = perf_counter()
            network(operator, patches)
            times.append((perf_counter() - begun) * 1e3)
    return float(np.median(times[2:]))


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " / ".join(f"{v:.1f}" for v in value)
    return f"{value:.1f}" if isinstance(value, float) else "" if value is None else str(value)


if __name__ == "__main__":
    raise SystemExit(main())
