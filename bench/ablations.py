"""Ablations of the published preconditioner: what each part is worth, all trained for equally many steps.

    python -m bench.ablations [--quick] [--full]        (default: a quarter of an hour on one core; stopped runs go on)

Every variant trains at 1,024 cells from the same seed on the same frames; then PCG to 1e-8 on unseen panel frames.
"""

from __future__ import annotations

from dataclasses import replace

from hpsolver.network import weights
from hpsolver.network.frames import FrameConfig
from hpsolver.network.paper_task import PaperTask
from hpsolver.network.transformer import HierarchicalTransformer, TransformerConfig
from hpsolver.preconditioners.htp_paper import ARCHITECTURE, HTPaper
from hpsolver.training import Run, train

from . import command, learned, machine, report

SHAPE = (32, 32)
NETWORK = TransformerConfig(width=64, heads=4)
BASE = PaperTask(NETWORK, FrameConfig(shapes=(SHAPE,)))
VARIANTS = {
    "base": BASE,
    "no highways": replace(BASE, network=replace(NETWORK, highways=False)),
    "2 layers": replace(BASE, network=replace(NETWORK, layers=2)),
    "1 layer": replace(BASE, network=replace(NETWORK, layers=1)),
    "probes not smoothed": replace(BASE, smooth=False),
    "SAI loss": replace(BASE, objective="sai", smooth=False),
}
SCALES = {"quick": 2, "default": 600, "full": 2000}
FRAMES = 10


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("ablations", __doc__).parse_args(argv)
    steps = SCALES[options.scale]
    run = Run(steps, batch=2, rate=2e-3, warmup=min(100, steps // 2), validate_every=max(steps // 2, 1))
    progress = command.Progress("ablations: variant", len(VARIANTS))
    with machine.one_thread() as threads:
        found = report.result("ablations", options, threads, {"steps": steps, "batch": run.batch})
        found["rows"] = []
        frames = learned.gallery("panel", SHAPE, FRAMES)
        for name, task in VARIANTS.items():
            folder = command.REHEARSED / "ablations" / f"{options.scale} {name}".replace(" ", "_")
            best = train(task, run, folder, quiet=True)
            file = folder / "best.safetensors"
            network = weights.load(file, ARCHITECTURE, HierarchicalTransformer, TransformerConfig)
            row = {"variant": name, "parameters": sum(p.numel() for p in network.parameters())}
            row |= {"iterations": learned.count(HTPaper.of_network(network), frames), "best at step": best["step"]}
            found["rows"].append(row | {"seconds": weights.about(file)["seconds"]})
            progress.step(name)
    text = "\n\n".join(
        [
            "# Ablations of the published preconditioner",
            report.preface(found),
            f"{SHAPE[0] * SHAPE[1]} cells, {steps} steps of {run.batch} frames each, width {NETWORK.width}; iterations "
            f"to 1e-8 on {FRAMES} unseen panel frames, mean and (worst).",
            report.table(list(found["rows"][0]), map(learned.cells, found["rows"])),
        ]
    )
    report.write(options.out, "ablations", learned.plain(found), text)
    print(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
