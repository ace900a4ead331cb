"""Whether the default is the fastest choice: `auto` beside the preconditioners that may be faster, on many sequences.

Each case is a sequence of frames of one family, size and contrast, with a new density in every frame. All choices solve
the same frames in turn to a true relative residual of 1e-6. The time is the mean over all frames but the first two; it
includes frames in which `auto` tries its first choice in vain. "Turning" sequences change their family every eight
frames; "voxels", "balls" and "rooms" have solids: single cells, obstacles, and closed rooms. The ratio is the time of a
choice over the time of the fastest choice in the case; its geometric mean and its largest value say what it costs to
make one choice for all cases. `jacobi` and `block_jacobi` have a chance on small grids only, and take part there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from hpsolver import Solver, problems

from .harness import command, machine, report

TOLERANCE = 1e-6
CHOICES = ("auto", "schwarz", "jacobi", "block_jacobi")
SMALL = 5_000
"""Up to this many cells all choices take part, beyond it the first two."""
KINDS = [("panel", 1e2), *((name, contrast) for name in ("bubbles", "film", "noise", "dam") for contrast in (1e3, 1e5))]
KINDS += [("turning", 1e5), ("voxels", 1e3), ("balls", 1e3), ("rooms", 1e3)]
TURNS = ("panel", "film", "bubbles", "noise")
PLANE, SPACE = ((32, 32), (64, 64), (128, 128), (256, 256), (512, 512)), ((16, 16, 16), (32, 32, 32), (48, 48, 48))
SCALES = {
    "quick": {"shapes": ((32, 16), (8, 8, 8)), "kinds": ("panel", "rooms"), "frames": 3},
    "default": {"shapes": (*PLANE, *SPACE), "kinds": tuple(name for name, _ in KINDS), "frames": 42},
}
SCALES["full"] = SCALES["default"] | {"frames": 82}

Frame = tuple[np.ndarray, np.ndarray]


def solids(kind: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """[shape] bool or None: a tenth of the cells, balls that fill a tenth, walls one cell thick around rooms of 24."""
    rng = np.random.default_rng(5)
    if kind == "voxels":
        return rng.random(shape) < 0.1
    if kind == "balls":
        mask, places = np.zeros(shape, bool), np.indices(shape)
        while mask.mean() < 0.1:
            centre = rng.random(len(shape)) * shape
            mask |= sum((p - c) ** 2 for p, c in zip(places, centre, strict=True)) < (max(shape) / 12) ** 2
        return mask
    if kind == "rooms":
        return np.any([p % 25 == 24 for p in np.indices(shape)], axis=0)
    return None


def sequence(kind: str, shape: tuple[int, ...], contrast: float, count: int) -> Iterator[Frame]:
    """Yields ``count`` frames of a kind in ``KINDS``; those with solids are frames of bubbles."""
    for k in range(count):
        family = TURNS[k // 8 % len(TURNS)] if kind == "turning" else kind if solids(kind, shape) is None else "bubbles"
        yield problems.frame(family, shape, seed=k, contrast=None if family == "panel" else contrast)


def measure(plan: dict) -> Iterable[dict]:
    """Case by case: milliseconds, iterations and failures of each choice."""
    for shape in plan["shapes"]:
        for kind, contrast in KINDS:
            if kind not in plan["kinds"]:
                continue
            choices = CHOICES if np.prod(shape) <= SMALL else CHOICES[:2]
            solvers = {}
            for name in choices:
                solvers[name] = Solver(
                    shape, preconditioner=name, tolerance=TOLERANCE, max_iterations=5000, device="cpu"
                )
                solvers[name].set_solid(solids(kind, shape))
            seen: dict[str, list] = {name: [] for name in choices}
            for frame in sequence(kind, shape, contrast, plan["frames"]):
                for name, solver in solvers.items():
                    solver.step(*frame)
                    info = solver.info
                    seen[name].append((info.timings["total"], info.iterations, not info.converged))
            row = {"shape": shape, "kind": kind, "contrast": contrast}
            yield row | {name: np.mean(values[2:], axis=0).tolist() for name, values in seen.items()}


def ratios(rows: list[dict], name: str) -> np.ndarray:
    """[cases] time of ``name`` over the time of the fastest choice."""
    return np.array([row[name][0] / min(row[n][0] for n in CHOICES if n in row) for row in rows if name in row])


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("choice", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("choice: case", len(plan["shapes"]) * len(plan["kinds"]))
    with machine.one_thread() as threads:
        found = report.result("choice", options, threads, {"tolerance": TOLERANCE} | plan) | {"rows": []}
        for row in measure(plan):
            found["rows"].append(row)
            progress.step(f"{row['kind']} {row['shape']}")
    text = markdown(found)
    report.write(options.out, "choice", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    rows = found["rows"]
    overall = []
    for label, dimension in (("2D", 2), ("3D", 3), ("both", None)):
        mine = [row for row in rows if dimension in (None, len(row["shape"]))]
        for name in CHOICES[:2]:
            values = ratios(mine, name)
            overall.append([label, name, f"{np.exp(np.log(values).mean()):.2f}", f"{values.max():.2f}"])
    cases = [
        [report.shape_text(row["shape"]), row["kind"], "5-100" if row["kind"] == "panel" else f"{row['contrast']:g}"]
        + [f"{row[name][0]:.3g} ({row[name][1]:.1f})" if name in row else "" for name in CHOICES]
        for row in rows
    ]
    return "\n\n".join(
        [
            "# The default beside its rivals",
            report.preface(found),
            __doc__.split("\n\n", 1)[1].strip(),
            report.table(["", "choice", "time over the fastest: mean", "largest"], overall),
            "Milliseconds a frame (iterations):",
            report.table(["shape", "frames", "contrast", *CHOICES], cases),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
