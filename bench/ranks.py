"""One domain over several ranks: what they send, what that costs here, and a model of what it would cost on GPUs.

- `one process`: `hpsolver.Solver` on one thread; `2 ranks`: `hpsolver.distributed.Solver` in two processes of one
  thread each, gloo between them, on this machine. Milliseconds are of a frame of bubbles at 1000:1 to 1e-6, medians.
- `messages`, `bytes`: messages that rank 0 takes part in, and bytes that it sends, in an iteration; both are counted.
- the model: its formula is below its table.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import warp as wp

from hpsolver import Solver, distributed, problems
from hpsolver.distributed.ranks import Ranks
from hpsolver.spreading import spread_to

from .harness import command, machine, model, report

TOLERANCE = 1e-6
SCALES = {
    "quick": {"shapes": ((16, 16, 24),), "names": ("jacobi", "schwarz"), "frames": 2, "model": (16, 16, 24)},
    "default": {
        "shapes": ((256, 256), (64, 64, 64), (96, 96, 96)),
        "names": ("jacobi", "schwarz", "multigrid", "htp"),
        "frames": 5,
        "model": (64, 64, 64),
    },
}
SCALES["full"] = SCALES["default"] | {"frames": 15}

EDGE = 128
"""Cells along each axis of one GPU's part, in the model."""
LINKS = {8: ("NVLink", 10e-6, 300e9), 64: ("400 Gb/s", 20e-6, 40e9)}
"""By number of GPUs: the link between them, seconds of a small message, bytes a second."""
MODELLED = ("jacobi", "schwarz", "multigrid")
FORMULA = (
    "modelled time of an iteration on P GPUs of 128^3 cells each = 4.3 us x graph nodes + (bytes of what ranks share + "
    "P x bytes of what every rank does) / 3 TB/s + messages x latency + bytes sent / bandwidth. All bytes are counted "
    "at {shape} and scaled with the cells, or with the cuts between ranks; a message is taken to cost {near:.0f} us "
    "over NVLink and {far:.0f} us over 400 Gb/s, with {fast:.0f} and {slow:.0f} GB/s. Not measured: no GPU was asked"
)


def frames(shape: tuple[int, ...], count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [problems.frame("bubbles", shape, seed=k, contrast=1e3) for k in range(2 + count)]


def timed(solver: Solver, given: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, list[int]]:
    """Median milliseconds of all frames but the first two, and the iterations of these frames."""
    taken, iterations = [], []
    for density, rhs in given:
        begun = perf_counter()
        solver.step(density, rhs)
        taken.append(1e3 * (perf_counter() - begun))
        iterations.append(solver.info.iterations)
    return float(np.median(taken[2:])), iterations[2:]


def counted(solver: distributed.Solver) -> np.ndarray:
    """Messages so far, bytes that went to a neighbour, bytes that went to every rank."""
    transport = solver.transport
    return np.array([transport.messages, transport.sent - transport.gathered, transport.gathered])


def _rank(rank: int, store: str, case: tuple[tuple[int, ...], str, int], answers: Any) -> None:
    import torch
    import torch.distributed as dist

    wp.config.log_level = wp.LOG_WARNING
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    shape, name, count = case
    solver = distributed.Solver(shape, preconditioner=name, tolerance=TOLERANCE, max_iterations=5000)
    given = [(density[solver.owned].copy(), rhs[solver.owned].copy()) for density, rhs in frames(shape, count)]
    milliseconds, iterations = timed(solver, given)
    # What an iteration sends is the difference between a frame of 4 iterations and one of 8, by four.
    counts = []
    for limit in (4, 8):
        short = distributed.Solver(shape, preconditioner=name, tolerance=1e-14, max_iterations=limit)
        for part in given[:2]:
            before = counted(short)
            short.step(*part)
        counts.append(counted(short) - before)
    if rank == 0:
        answers.put((milliseconds, iterations, (counts[1] - counts[0]) / 4))
    dist.barrier()
    dist.destroy_process_group()


def two_ranks(shape: tuple[int, ...], name: str, count: int) -> tuple[float, list[int], np.ndarray]:
    """Milliseconds, iterations, and what an iteration sends, in the form of ``counted``."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        ranks = [context.Process(target=_rank, args=(r, store, (shape, name, count), answers)) for r in range(2)]
        for process in ranks:
            process.start()
        answer = answers.get(timeout=600)
        for process in ranks:
            process.join()
    return answer


@dataclass
class Shares:
    """Counts launches and their bytes, shared by ranks or not, in the place of a ``kernels.building.Spread``."""

    ranks: Ranks
    nodes: int = 0
    shared: float = 0.0
    by_all: float = 0.0

    def launch(self, kernel: wp.Kernel, _count: object, inputs: Sequence[object]) -> None:
        moved = 0.0
        given = dict(zip((argument.label for argument in kernel.adj.args), inputs, strict=True))
        for name, value in given.items():
            if isinstance(value, wp.array):
                # ``numbers`` holds all levels of a cycle: only the part from the launch's level on counts.
                level = given.get("level", given.get("first", 0)) if name == "numbers" else 0
                moved += value.capacity * 8.0**-level
        self.nodes += 1
        if self.ranks.shares(kernel, inputs):
            self.shared += moved
        else:
            self.by_all += moved

    launch_threads = launch


def modelled(shape: tuple[int, ...], sent: dict[str, np.ndarray]) -> list[dict]:
    """Milliseconds of an iteration on 1, 8 and 64 GPUs; ``sent``: what one of 2 ranks sends in each, at ``shape``."""
    cells, mine = np.prod(shape), EDGE**3
    rows = []
    for name in MODELLED:
        if name not in sent:
            continue
        solver = distributed.Solver(shape, preconditioner=model.form_on_gpu(name, name), device="cpu")
        shares = Shares(solver.carrier)
        with spread_to(shares):
            solver._pcg.iterate(solver.preconditioner)
        row = {"name": name, "nodes": shares.nodes, "shared": shares.shared / cells, "by_all": shares.by_all / cells}
        messages, to_neighbors, to_all = sent[name]
        for P in (1, *LINKS):
            seconds = (model.NODE + model.CHAIN) * shares.nodes + (
                row["shared"] + P * row["by_all"]
            ) * mine / model.BANDWIDTH
            if P > 1:
                _, latency, bandwidth = LINKS[P]
                # Neighbours' bytes grow with the cross-section, bytes to all with the cells; each of 2 ranks sent half.
                cut = 2 * to_neighbors * (P * mine / cells) ** (2 / 3)
                seconds += messages * latency + (cut + 2 * to_all * P * mine / cells) / bandwidth
            row[str(P)] = 1e3 * seconds
        rows.append(row)
    return rows


def main(argv: list[str] | None = None) -> int:
    options = command.Parser("ranks", __doc__).parse_args(argv)
    plan = SCALES[options.scale]
    progress = command.Progress("ranks: case", len(plan["shapes"]) * len(plan["names"]))
    with machine.one_thread() as threads:
        found = report.result("ranks", options, threads, {"tolerance": TOLERANCE} | plan) | {"rows": []}
        for shape in plan["shapes"]:
            for name in plan["names"]:
                solver = Solver(shape, preconditioner=name, tolerance=TOLERANCE, max_iterations=5000, device="cpu")
                one, iterations = timed(solver, frames(shape, plan["frames"]))
                del solver
                two, theirs, sent = two_ranks(shape, name, plan["frames"])
                row = {"shape": shape, "name": name, "one": one, "two": two, "sent": sent.tolist()}
                found["rows"].append(row | {"iterations": float(np.mean(iterations)), "theirs": float(np.mean(theirs))})
                progress.step(f"{name} {report.shape_text(shape)}")
        of_model = {row["name"]: np.array(row["sent"]) for row in found["rows"] if row["shape"] == plan["model"]}
        found["model"] = modelled(plan["model"], of_model)
    text = markdown(found)
    report.write(options.out, "ranks", found, text)
    print(text)
    return 0


def markdown(found: dict) -> str:
    heads = ["shape", "preconditioner", "iterations", "one process, ms", "2 ranks, ms", "2 ranks over one process"]
    lines = [
        (
            report.shape_text(row["shape"]),
            row["name"],
            f"{row['iterations']:.1f} / {row['theirs']:.1f}",
            *(report.number(row[who]) for who in ("one", "two")),
            f"{row['two'] / row['one']:.2f}",
            f"{row['sent'][0]:.1f}",
            *(f"{sent:,.0f}" for sent in row["sent"][1:]),
        )
        for row in found["rows"]
    ]
    heads += ["messages an iteration", "bytes to a neighbour", "bytes to all"]
    measured = report.table(heads, lines)
    counts = [str(P) for P in (1, *LINKS)]
    model_lines = [
        [row["name"], row["nodes"], f"{row['shared']:.0f}", f"{row['by_all']:.0f}"]
        + [f"{row[P]:.2f}" for P in counts]
        + [f"{row['1'] / row[P]:.2f}" for P in counts[1:]]
        for row in found["model"]
    ]
    heads = ["preconditioner", "graph nodes", "bytes a cell, shared", "bytes a cell, by every rank"]
    heads += [f"{P} GPUs, ms (modelled)" for P in counts] + [f"efficiency at {P} (modelled)" for P in counts[1:]]
    (_, near, fast), (_, far, slow) = LINKS.values()
    shape = report.shape_text(found["settings"]["model"])
    formula = FORMULA.format(shape=shape, near=1e6 * near, far=1e6 * far, fast=fast / 1e9, slow=slow / 1e9)
    about = __doc__.split("\n\n", 1)[1].strip()
    text = [
        about,
        measured,
        "Iterations: of one process / of 2 ranks.",
        report.table(heads, model_lines),
        formula + ".",
    ]
    return "\n\n".join(["# One domain over several ranks", report.preface(found), *text])


if __name__ == "__main__":
    raise SystemExit(main())
