"""The parts of the CUDA report, each run in a process of its own (bench/cuda_report.py). A part returns a dict."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from unittest import mock

import numpy as np
import torch
import warp as wp

from bench import frames
from hpsolver import Solver, programs
from hpsolver import frame as frame_module
from hpsolver.capture import capture_pieces

from . import check, machine, measure, memory, model, rivals
from .engine import Engine

TOLERANCE = 1e-8
"""The published tolerance, for answers and for times, so that ``bench.paper_table`` can show the times."""
ANSWER_CASES = (("panel", (48, 40)), ("bubbles", (20, 12, 12)))
REPEATS = 5


def environment(device: str) -> dict:
    """Device, driver, toolkit, versions: what Warp, Torch and nvidia-smi say."""
    found: dict[str, object] = {"warp": {"version": wp.__version__}, "torch": {"version": torch.__version__}}
    place = wp.get_device(device)
    found["warp"] |= {"device": place.name, "cuda": place.is_cuda}
    found["torch"] |= {"cuda": torch.version.cuda, "sees a GPU": torch.cuda.is_available()}
    if place.is_cuda:
        found["warp"] |= {
            "architecture": f"sm_{place.arch}",
            "memory [GiB]": place.total_memory / 2**30,
            "multiprocessors": place.sm_count,
            "driver": machine.driver(),
            "toolkit": ".".join(map(str, wp.get_cuda_toolkit_version())),
            "conditional graph nodes": wp.is_conditional_graph_supported(),
            "memory pool": wp.is_mempool_enabled(place),
        }
    if shutil.which("nvidia-smi"):
        query = "name,driver_version,pstate,clocks.sm,clocks.mem,power.limit,memory.used,utilization.gpu"
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv"]
        found["nvidia-smi"] = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()
    return found


def answer(device: str, name: str) -> dict:
    """One preconditioner: its answers against the CPU's, and the graph's bits against those of eager launches."""
    return {"name": name, "cases": [_answer(device, name, family, shape) for family, shape in ANSWER_CASES]}


def _answer(device: str, name: str, family: str, shape: tuple[int, ...]) -> dict:
    rival = next(rival for rival in rivals.engine(device) if rival.name == name)
    try:
        _solver(rival, shape, "cpu")
    except (FileNotFoundError, ValueError) as error:  # no weights for this dimension, for instance
        return {"shape": shape, "family": family, "refused": str(error)}
    frame, another = frames.drawn(family, shape, 2)
    density, rhs, other = frame.density, frame.rhs, another.density
    begun = perf_counter()
    solver = _solver(rival, shape, device)
    eager = solver.step(density, rhs)  # the first frame is launched, later ones are replayed
    first = perf_counter() - begun
    graph, graph_ms = _repeated(solver, density, other, rhs)
    info = solver.info
    fresh = _solver(rival, shape, device)
    again = [fresh.step(density, rhs) for _ in range(2)][1]
    with mock.patch.object(frame_module, "capture_frame", capture_pieces):  # as on a driver without conditional nodes
        fresh._frame.graph = fresh._frame.capture()
    pieces, pieces_ms = _repeated(fresh, density, other, rhs)
    fresh._frame.graph = lambda: fresh._frame.record(wp.capture_while)
    launched, eager_ms = _repeated(fresh, density, other, rhs)

    reference = _solver(rival, shape, "cpu")
    expected = reference.step(density, rhs)
    residual = check.true_residual(check.assemble(density), rhs, graph)
    counts = [info.iterations, reference.info.iterations]
    return {
        "shape": shape,
        "family": family,
        "refused": None,
        "status": info.status.name,
        "fallback": bool(info.fallback),
        "residual": residual,
        "solved": check.passes(residual, TOLERANCE),
        "iterations": counts[0],
        "cpu_iterations": counts[1],
        "difference": float(np.linalg.norm(graph - expected) / np.linalg.norm(expected)),
        "agrees": abs(counts[0] - counts[1]) <= 2 + 0.1 * counts[1],
        "graph_is_eager": _same(graph, eager) and _same(graph, launched),
        "pieces_are_graph": _same(graph, pieces),
        "repeats": _same(graph, again),
        "graph_ms": graph_ms,
        "pieces_ms": pieces_ms,
        "eager_ms": eager_ms,
        "first_s": first,
    }


def _solver(rival: Engine, shape: tuple[int, ...], device: str) -> Solver:
    options = {"tolerance": TOLERANCE, "max_iterations": measure.MAX_ITERATIONS, "device": device}
    return Solver(shape, preconditioner=rival.preconditioner, **options)


def _repeated(solver: Solver, density: np.ndarray, other: np.ndarray, rhs: np.ndarray) -> tuple[np.ndarray, float]:
    """Last pressure and median milliseconds of some frames with ``density``, each after a frame with ``other``."""
    times = []
    for _ in range(REPEATS):
        solver.step(other, rhs)
        begun = perf_counter()
        pressure = solver.step(density, rhs)
        times.append(perf_counter() - begun)
    return pressure, 1e3 * float(np.median(times))


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are equal bit for bit."""
    return a.tobytes() == b.tobytes()


def times(device: str, names: Sequence[str], flow: str, shape: tuple[int, ...], plan: dict) -> dict:
    """Milliseconds of a frame and its phases, microseconds of an iteration beside the modelled ones.

    Args:
        device: Warp device.
        names: those of ``bench.harness.rivals.everyone`` that take part.
        flow: a name in ``bench.frames.FLOWS``.
        shape: cells per axis.
        plan: ``frames``, ``rounds`` and ``limit`` [s].
    """
    taking_part = [rival for rival in rivals.everyone(device) if rival.name in names]
    sequence = frames.FLOWS[flow](shape, plan["frames"])
    runs = measure.measure(taking_part, sequence, TOLERANCE, plan["rounds"], limit=plan["limit"])
    rows = []
    for run in runs:
        row = run.summary()
        if isinstance(run.rival, Engine) and not row["failed"]:
            work = model.work(run.rival.solver)
            row |= {"us_per_iteration": 1e3 * row["solve"] / row["iterations"]}
            row |= {"nodes": work.nodes, "bytes": work.bytes, "modelled_us": 1e6 * work.seconds}
        rows.append(row)
    return {"flow": flow, "shape": shape, "tolerance": TOLERANCE, "rows": rows}


def loops(device: str, name: str, shape: tuple[int, ...]) -> dict:
    """Milliseconds of a frame and microseconds of an iteration, with loops as one kernel where that pays, and with
    loops of launches; and how much the pressures differ. On a CPU every loop is made one kernel."""
    first, second = frames.drawn("panel", shape, 2)
    options = {"preconditioner": name, "tolerance": TOLERANCE, "max_iterations": measure.MAX_ITERATIONS}
    rows, pressures = [], []
    for way in ("one kernel", "launches"):
        with _loops_as(way, device):
            solver = Solver(shape, device=device, **options)
            pressure, ms = _repeated(solver, first.density, second.density, first.rhs)
        info = solver.info
        micros = 1e3 * info.timings["solve"] / max(info.iterations, 1)
        row = {"way": way, "parts": solver._pcg.parts_in_one_kernel(), "ms": ms, "us_per_iteration": micros}
        rows.append(row | {"iterations": info.iterations, "converged": bool(info.converged)})
        pressures.append(pressure)
    difference = float(np.linalg.norm(pressures[0] - pressures[1]) / np.linalg.norm(pressures[1]))
    return {"name": name, "shape": shape, "rows": rows, "difference": difference}


@contextlib.contextmanager
def _loops_as(way: str, device: str) -> Iterator[None]:
    """Solvers that are made, and run first, in this context have loops of this kind."""
    if way == "one kernel" and device != "cpu":
        yield
    else:
        with mock.patch.object(programs, "blocks_for", lambda *_: int(way == "one kernel")):
            yield


def worlds(device: str, name: str, shape: tuple[int, ...], counts: Sequence[int]) -> dict:
    """Milliseconds of a step of many worlds, arrays on the device, beside a step of one solver; and whether every
    eighth world gets the bits that it gets alone."""
    one = Solver(shape, preconditioner=name, device=device)
    drawn = frames.drawn("bubbles", shape, 8)
    rows = []
    for count in (None, *counts):
        solver = one if count is None else Solver(shape, worlds=count, preconditioner=name, device=device)
        parts = [np.stack([drawn[w % 8].density * (1.0 + 0.01 * f) for w in range(count or 1)]) for f in range(2)]
        rhs = np.stack([drawn[w % 8].rhs for w in range(count or 1)])
        given = [wp.array(part if count else part[0], dtype=wp.float64, device=device) for part in (*parts, rhs)]
        out, times = wp.zeros_like(given[-1]), []
        for number in range(2 + REPEATS):
            begun = perf_counter()
            solver.step(given[number % 2], given[-1], out=out)
            wp.synchronize_device(device)
            times.append(1e3 * (perf_counter() - begun))
        row = {"worlds": count, "ms": float(np.median(times[2:])), "first_ms": times[0], "same": True}
        row["converged"] = bool(np.all(solver.info.converged))
        if count:
            found, last = out.numpy(), parts[(1 + REPEATS) % 2]
            row["same"] = all(_same(found[w], one.step(last[w], rhs[w])) for w in range(0, count, 8))
        rows.append(row)
    return {"name": name, "shape": shape, "rows": rows}


def ranks(_device: str, name: str, shape: tuple[int, ...], count: int) -> dict:
    """Runs the example of rising bubbles on ``count`` ranks, each on a GPU of its own, and returns what it says. The
    example compares every pressure with that of one process, bit for bit."""
    words = ["--ranks", str(count), "--shape", "x".join(map(str, shape)), "--frames", "20", "--preconditioner", name]
    command = [sys.executable, "-m", "hpsolver.examples.shared_bubbles", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("frame ")]
    return {"name": name, "shape": shape, "ranks": count, "passed": done.returncode == 0, "says": lines[-4:]}


def growth(device: str, name: str, count: int) -> dict:
    """Memory over ``count`` frames of one solver whose density alternates."""
    rival = next(rival for rival in rivals.engine(device) if rival.name == name)
    shape = (32, 32)
    solver = _solver(rival, shape, device)
    first, second = frames.drawn("panel", shape, 2)
    used = _used(solver.device)
    out = np.zeros(shape)
    readings, begun = [], perf_counter()
    for number in range(count):
        frame = first if number % 2 else second
        solver.step(frame.density, frame.rhs, out=out)
        if number % max(1, count // 10) == 0:
            readings.append(used())
    readings.append(used())
    seconds = perf_counter() - begun
    settled = readings[1]  # the first frames compile, load and capture
    return {"name": name, "frames": count, "seconds": seconds, "bytes": readings, "grown": readings[-1] - settled}


def _used(device: wp.Device) -> Callable[[], int]:
    """A function that reads the bytes in use: on the whole GPU, or resident in this process on a CPU."""
    if device.is_cuda:
        return lambda: device.total_memory - device.free_memory
    return lambda: memory.resident() or 0
