"""What a fluid that changes every frame costs: solids, free surfaces and faces handed to `step`, beside frames without.

A ball swims up and down in bubbles at 1000:1, below a wavy surface with a drop above it. Solvers of all ways solve the
same frames in turn, with a new density and right-hand side each time, to a true relative residual of 1e-6. Milliseconds
are medians, and iterations means, over all frames but the first two.

- `still`: no solids, closed box. `empty`: the same with empty masks in every frame: what looking at masks costs alone.
- `set_solid`: the ball, by `set_solid` before each frame (included in the time). `solid`: the ball, by `step`.
- `surface`: the ball, and air above the surface by its signed distance. `fraction`: the same, the ball as open shares
  of faces instead of solid cells.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

import numpy as np

from hpsolver import Solver, preconditioners, problems

from .harness import command, machine, report

TOLERANCE = 1e-6
CHOICES = ("auto", "schwarz")
CONTRASTS = {"panel": None}
WAYS = ("still", "empty", "set_solid", "solid", "surface", "fraction")
SHAPES = ((64, 64), (128, 128), (256, 256), (32, 32, 32), (64, 64, 64))
SCALES = {
    "quick": {"shapes": ((32, 16), (8, 8, 8)), "frames": 4, "gallery": ((16, 16),), "families": ("bubbles",)},
    "default": {
        "shapes": SHAPES,
        "frames": 16,
        "gallery": ((64, 64), (16, 16, 16)),
        "families": ("panel", "bubbles", "film", "noise", "dam"),
    },
}
SCALES["full"] = SCALES["default"] | {"frames": 40}


def scene(shape: tuple[int, ...], frame: int) -> dict[str, np.ndarray | list[np.ndarray]]:
    """Inputs of one frame: solid [shape] bool, surface [shape] signed distance in cells, fraction an array per axis."""
    time = 0.3 * frame

    def ball(*x: np.ndarray) -> np.ndarray:
        """Signed distance from the ball, in units of the box."""
        centre = (0.35 + 0.1 * np.sin(time), *[0.5] * (len(x) - 1))
        return np.sqrt(sum((a - b) ** 2 for a, b in zip(x, centre, strict=True))) - 0.12

    centres = [(np.arange(n) + 0.5) / n for n in shape]
    x = np.meshgrid(*centres, indexing="ij")
    wave = x[0] - 0.75 - 0.04 * np.cos(6.0 * x[-1] + time)
    drop = np.sqrt((x[0] - 0.92) ** 2 + sum((a - 0.4) ** 2 for a in x[1:])) - 0.05
    fraction = []
    for axis, n in enumerate(shape):
        faces = np.meshgrid(*[np.arange(n + 1) / n if a == axis else c for a, c in enumerate(centres)], indexing="ij")
        fraction.append(np.clip(0.5 + ball(*faces) * n, 0.0, 1.0))
    return {"solid": ball(*x) < 0.0, "surface": np.minimum(wave, drop) * shape[0], "fraction": fraction}


def inputs(way: str, shape: tuple[int, ...], frame: int) -> dict:
    """What `step` is given besides density and right-hand side."""
    if way in ("still", "set_solid"):
        return {}
    if way == "empty":
        return {"solid": np.zeros(shape, bool), "air": np.zeros(shape, bool)}
    names = {"solid": ("solid",), "surface": ("solid", "surface"), "fraction": ("fraction", "surface")}[way]
    return {name: scene(shape, frame)[name] for name in names}


def measure(plan: dict) -> Iterable[dict]:
    """Case by case: milliseconds and iterations of each way."""
    for shape in plan["shapes"]:
        for name in CHOICES:
            solvers = {
                way: Solver(shape, preconditioner=name, tolerance=TOLERANCE, max_iterations=5000, device="cpu")
                for way in WAYS
            }
            out, seen = np.empty(shape), {way: [] for way in WAYS}
            for frame in range(plan["frames"]):
                density, rhs = problems.frame("bubbles", shape, seed=frame, contrast=1e3)
                for way, solver in solvers.items():
                    moving, solid = inputs(way, shape, frame), scene(shape, frame)["solid"]
                    begun = perf_counter()
                    if way == "set_solid":
                        solver.set_solid(solid)
                    solver.step(density, rhs, out=out, **moving)
                    elapsed = perf_counter() - begun
                    info = solver.info
                    seen[way].append((1e3 * elapsed, info.iterations, not info.converged))
            row = {"shape": shape, "preconditioner": name}
            for way, values in seen.items():
                timed = np.array(values[2:])
                row[way] = [float(np.median(timed[:, 0])), float(timed[:, 1].mean()), int(timed[:, 2].sum())]
            yield row


def iterations(plan: dict) -> Iterable[dict]:
    """Case by case: mean iterations over three frames of all preconditioners that can follow; None if one failed."""
    able = [name for name, make in preconditioners.NAMES.items() if make().moves]
    for shape in plan["gallery"]:
        for family in plan["families"]:
            for way in ("still", "surface", "fraction"):
                row = {"shape": shape, "family": family, "way": way}
                for name in able:
                    solver = Solver(shape, preconditioner=name, tolerance=TOLERANCE, max_iterations=5000, device="cpu")
                    found = []
                    for frame in range(3):
                        density, rhs = problems.frame(family, shape, seed=frame, contrast=CONTRASTS.get(family, 1e3))
                        solver.step(density, rhs, **inputs(way, shape, frame))
                        found.append(solver.info.iterations if solver.info.converged else np.nan)
                    row[name] = float(np.mean(found)) if np.isfinite(found).all() else None
                yield row


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("moving", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    tables = 3 * len(plan["gallery"]) * len(plan["families"])
    progress = command.Progress("moving: case", len(plan["shapes"]) * len(CHOICES) + tables)
    with machine.one_thread() as threads:
        found = report.result("moving", options, threads, {"tolerance": TOLERANCE} | plan) | {
            "rows": [],
            "iterations": [],
        }
        for row in measure(plan):
            found["rows"].append(row)
            progress.step(f"{row['preconditioner']} {row['shape']}")
        for row in iterations(plan):
            found["iterations"].append(row)
            progress.step(f"{row['family']} {row['way']} {row['shape']}")
    text = markdown(found)
    report.write(options.out, "moving", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    cases = [
        [report.shape_text(row["shape"]), row["preconditioner"], f"{row['empty'][0] / row['still'][0]:.2f}"]
        + [f"{row[way][0]:.3g} ({row[way][1]:.1f})" + ("" if not row[way][2] else " FAILED") for way in WAYS]
        for row in found["rows"]
    ]
    able = [name for name in found["iterations"][0] if name not in ("shape", "family", "way")]
    gallery = [
        [report.shape_text(row["shape"]), row["family"], row["way"]]
        + ["FAILED" if row[name] is None else f"{row[name]:.1f}" for name in able]
        for row in found["iterations"]
    ]
    return "\n\n".join(
        [
            "# A fluid that changes every frame",
            report.preface(found),
            __doc__.split("\n\n", 1)[1].strip(),
            "Milliseconds a frame (iterations):",
            report.table(["shape", "preconditioner", "empty over still", *WAYS], cases),
            "Iterations of every preconditioner that can follow, means of three frames of the gallery at 1000:1 "
            "(`panel`: 5 to 100):",
            report.table(["shape", "family", "way", *able], gallery),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
