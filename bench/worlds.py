"""Many small worlds in a step: one solver of W worlds beside loops of single solvers and beside other batch solvers.

A world is a grid with its own bubbles at 1000:1, new in every frame, and walls all around. All contestants solve the
same frames in turn, on one thread, to a true relative residual of 1e-6, checked afterwards. Milliseconds are medians of
a frame of ALL worlds.

- `worlds`: `Solver(shape, worlds=W)`; `all threads`: the same, over the processors of the machine.
- `loop`: one `Solver(shape)`, called once for each world; `W solvers`: one for each world, as is needed where a solver
  keeps something from frame to frame.
- `SuperLU`: SciPy's, world by world. `Torch dense`: a batched Cholesky factorization of dense matrices, where they fit.
- `backward`: Torch's backward pass through a step. It solves once more, so its measure is the `solve` part of a step.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

import numpy as np
import torch

from hpsolver import Solver, problems

from .external.scipy import SuperLu
from .external.stencil import Stencil
from .harness import check, command, machine, memory, model, report

TOLERANCE = 1e-6
DENSE_BYTES = 600e6
"""Most bytes of the dense matrices."""
LOOP_BYTES = 2e9
"""Most bytes of W solvers, at 1 kB a cell."""
CHECKED = 4
"""Worlds of a frame whose residual is checked."""
WAYS = ("worlds", "all threads", "loop", "W solvers", "SuperLU", "Torch dense")
SCALES = {
    "quick": {"shapes": ((8, 8),), "worlds": (1, 4), "frames": 2, "gradients": (((8, 8), None), ((8, 8), 4))},
    "default": {
        "shapes": ((16, 16), (32, 32), (64, 64), (128, 64), (16, 16, 16)),
        "worlds": (1, 16, 64, 256),
        "frames": 8,
        "gradients": (((32, 32), None), ((128, 128), None), ((256, 256), None), ((32, 32), 64), ((64, 64), 64)),
    },
}
MODELLED = {"shapes": ((16, 16), (32, 32), (64, 64), (128, 64)), "worlds": (1, 16, 64, 256)}
SCALES["full"] = SCALES["default"] | {"worlds": (1, 4, 16, 64, 256, 1024, 4096), "frames": 16}
Way = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Dense:
    """All matrices dense, in one batch. Each is singular for the constant, so 1/N is added to all of its entries."""

    def __init__(self, shape: tuple[int, ...], worlds: int):
        self._stencil = Stencil(shape)
        rows = np.repeat(np.arange(self._stencil.rows), np.diff(self._stencil.indptr))
        self._place = torch.tensor(rows * self._stencil.rows + self._stencil.indices)
        self._A = torch.empty(worlds, self._stencil.rows**2, dtype=torch.float64)

    def __call__(self, density: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        worlds, rows = len(density), self._stencil.rows
        values = torch.tensor(np.stack([self._stencil.values(part) for part in density]))
        self._A.fill_(1.0 / rows)
        self._A.index_add_(1, self._place, values)
        factor = torch.linalg.cholesky(self._A.view(worlds, rows, rows))
        b = torch.tensor(rhs).view(worlds, rows, 1)
        return torch.cholesky_solve(b - b.mean(1, keepdim=True), factor).view(rhs.shape).numpy()


def one_by_one(shape: tuple[int, ...]) -> Way:
    lu = SuperLu()
    lu.prepare(shape, TOLERANCE, 1)

    def solve(density: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        pressure = np.empty_like(rhs)
        for world, (rho, b) in enumerate(zip(density, rhs, strict=True)):
            lu.setup(rho)
            pressure[world] = lu.solve(b)
        return pressure

    return solve


def loop(solvers: list[Solver]) -> Way:
    """Solves world after world, with the solvers in turn."""

    def solve(density: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        pressure = np.empty_like(rhs)
        for world in range(len(rhs)):
            solvers[world % len(solvers)].step(density[world], rhs[world], out=pressure[world])
        return pressure

    return solve


@contextlib.contextmanager
def all_threads() -> Iterator[None]:
    """Solvers that are made inside this context use all processors."""
    pinned = os.environ.pop("OMP_NUM_THREADS", None)
    yield
    if pinned is not None:
        os.environ["OMP_NUM_THREADS"] = pinned


def ways(shape: tuple[int, ...], worlds: int) -> dict[str, Way | None]:
    """All contestants by name; None for one that would be too large."""
    options = {"tolerance": TOLERANCE, "device": "cpu"}
    many = Solver(shape, worlds=worlds, **options)
    with all_threads():
        threaded = Solver(shape, worlds=worlds, **options)
    cells = int(np.prod(shape))
    own = worlds * cells * 1e3 <= LOOP_BYTES and worlds <= 256
    return {
        "worlds": many.step,
        "all threads": threaded.step,
        "loop": loop([Solver(shape, **options)]),
        "W solvers": loop([Solver(shape, **options) for _ in range(worlds)]) if own else None,
        "SuperLU": one_by_one(shape) if worlds <= 256 else None,
        "Torch dense": Dense(shape, worlds) if worlds * cells**2 * 8 <= DENSE_BYTES else None,
    }


def frames(shape: tuple[int, ...], worlds: int, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """[worlds, *shape] densities and right-hand sides: up to 64 frames of bubbles, then the same ones shifted."""
    kinds = [problems.frame("bubbles", shape, seed=frame * 64 + k, contrast=1e3) for k in range(min(worlds, 64))]
    parts = [kinds[w % 64] for w in range(worlds)]
    density, rhs = (np.stack([np.roll(part[k], w // 64, 0) for w, part in enumerate(parts)]) for k in range(2))
    return density, rhs


def measure(plan: dict) -> Iterable[dict]:
    """Yields a row for each shape and number of worlds."""
    for shape in plan["shapes"]:
        for worlds in plan["worlds"]:
            if worlds * np.prod(shape) > 2e6:
                continue
            held = memory.held()
            solver = Solver(shape, worlds=worlds, tolerance=TOLERANCE, device="cpu")
            solver.step(*frames(shape, worlds, 0))
            row = {"shape": shape, "W": worlds, "preconditioner": solver.preconditioner.name}
            row["iterations"] = float(solver.info.iterations.mean())
            row["bytes"] = float((memory.held() - held) / (worlds * np.prod(shape)))
            del solver
            everybody = ways(shape, worlds)
            given = [frames(shape, worlds, f) for f in range(3)]
            taken = {name: [] for name, solve in everybody.items() if solve}
            worst = dict.fromkeys(taken, 0.0)
            names = list(taken)
            for frame in range(2 + plan["frames"]):
                density, rhs = given[frame % len(given)]
                for name in names[frame % len(names) :] + names[: frame % len(names)]:
                    begun = perf_counter()
                    pressure = everybody[name](density, rhs)
                    taken[name].append(1e3 * (perf_counter() - begun))
                    for world in {*range(0, worlds, max(worlds // CHECKED, 1))}:
                        A = check.assemble(density[world])
                        worst[name] = max(worst[name], check.true_residual(A, rhs[world], pressure[world]))
            everybody.clear()
            row |= {name: float(np.median(times[2:])) for name, times in taken.items()}
            row["failed"] = [name for name in taken if not check.passes(worst[name], TOLERANCE)]
            yield row


def gradients(shape: tuple[int, ...], worlds: int | None, count: int) -> dict:
    """Milliseconds of a step, of its solve part, and of the backward pass; of one solver, or of many worlds."""
    solver = Solver(shape, worlds=worlds, tolerance=TOLERANCE, device="cpu")
    step, solve, backward = [], [], []
    for frame in range(2 + count):
        given = [
            torch.tensor(part) for part in (*frames(shape, worlds or 1, frame % 3), frames(shape, worlds or 1, 5)[1])
        ]
        density, rhs, weight = given if worlds else (part[0] for part in given)
        density.requires_grad_(), rhs.requires_grad_()
        begun = perf_counter()
        pressure = solver.step(density, rhs)
        step.append(1e3 * (perf_counter() - begun))
        solve.append(solver.info.timings["solve"])
        begun = perf_counter()
        pressure.backward(weight)
        backward.append(1e3 * (perf_counter() - begun))
    medians = [float(np.median(times[2:])) for times in (step, solve, backward)]
    return {"shape": shape, "W": worlds} | dict(zip(("step", "solve", "backward"), medians, strict=True))


def on_a_gpu(name: str, shape: tuple[int, ...]) -> dict:
    """Modelled microseconds of an iteration, by the number of worlds, and whether the loop is one kernel."""
    solver = model.on_gpu(name, name, shape)
    works = {worlds: model.work(solver, worlds) for worlds in MODELLED["worlds"]}
    us = {str(worlds): 1e6 * work.seconds for worlds, work in works.items()}
    return {"shape": shape, "name": name, "us": us, "one_kernel": [work.one_kernel for work in works.values()]}


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("worlds", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("worlds: case", len(plan["shapes"]) * len(plan["worlds"]))
    with machine.one_thread() as threads:
        found = report.result("worlds", options, threads, {"tolerance": TOLERANCE} | plan) | {"rows": []}
        for row in measure(plan):
            found["rows"].append(row)
            progress.step(f"{row['W']} of {report.shape_text(row['shape'])}")
        found["gradients"] = [gradients(*case, 2 * plan["frames"]) for case in plan["gradients"]]
    found["modelled"] = [on_a_gpu(name, shape) for shape in MODELLED["shapes"] for name in ("schwarz", "multigrid")]
    text = markdown(found)
    report.write(options.out, "worlds", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    lines = [
        [report.shape_text(row["shape"]), row["W"], row["preconditioner"], f"{row['iterations']:.1f}"]
        + ["" if way not in row else "FAILED" if way in row["failed"] else report.number(row[way]) for way in WAYS]
        + [f"{row['worlds'] / row['loop']:.2f}", f"{1e3 * row['W'] / row['worlds']:,.0f}", f"{row['bytes']:.0f}"]
        for row in found["rows"]
    ]
    heads = ["shape", "W", "preconditioner", "iterations", *WAYS]
    heads += ["worlds over loop", "frames of a world a second", "bytes a cell"]
    backward = [
        [report.shape_text(g["shape"]), g["W"] or "one solver"]
        + [report.number(g[part]) for part in ("step", "solve", "backward")]
        + [f"{g['backward'] / g['solve']:.2f}"]
        for g in found["gradients"]
    ]
    of_backward = report.table(["shape", "W", "step", "of it solve", "backward", "backward over solve"], backward)
    counts = MODELLED["worlds"]
    modelled = [
        [report.shape_text(m["shape"]), m["name"]]
        + [f"{us:.0f}{'' if one else ', graph'}" for us, one in zip(m["us"].values(), m["one_kernel"], strict=True)]
        + [f"{m['us']['64'] / m['us']['1']:.2f}"]
        for m in found["modelled"]
    ]
    on_gpu = report.table(["shape", "preconditioner", *map(str, counts), "64 worlds over one"], modelled)
    text = [__doc__.split("\n\n", 1)[1].strip(), report.table(heads, lines), "Gradients, milliseconds:", of_backward]
    text += [
        "On an H100, microseconds of an iteration of W worlds, modelled; not measured. The loop is one kernel, or the "
        f"launches of a `graph`. {model.FORMULA[0].upper()}{model.FORMULA[1:]}.",
        on_gpu,
    ]
    return "\n\n".join(["# Many worlds", report.preface(found), *text])


if __name__ == "__main__":
    raise SystemExit(main())
