"""The discipline of timing: warm-up apart, rivals in turn, every timed answer judged after its time is taken."""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import scipy.sparse as sp

from bench.frames import Frame

from . import check
from .rival import Rival

MAX_ITERATIONS = 20000
Clock = Callable[[], float]


@dataclass
class Run:
    """One rival in one case, and what became of it.

    Attributes:
        first: milliseconds of everything up to the first pressure: structure, compilation, capture.
        second: milliseconds of the next frame, which decides whether the rival is dropped.
        total, update, solve: milliseconds of each timed frame.
        iterations, residual: of each timed frame.
        failure: why the rival takes no further part, None as long as it does.
        remarks: how many frames the rival made each remark on.
    """

    rival: Rival
    first: float = math.nan
    second: float = math.nan
    total: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)
    solve: list[float] = field(default_factory=list)
    iterations: list[int] = field(default_factory=list)
    residual: list[float] = field(default_factory=list)
    failure: str | None = None
    remarks: Counter[str] = field(default_factory=Counter)

    def warm_up(self, frames: Sequence[Frame], tolerance: float, limit: float, clock: Clock) -> None:
        """Solves the sequence's last two frames. The first compiles and captures; the second is held to ``limit``."""
        begun = clock()
        try:
            self.rival.prepare(frames[0].density.shape, tolerance, MAX_ITERATIONS)
        except Exception as error:
            self.failure = f"cannot run: {type(error).__name__}: {error}"
            return
        try:
            self._adopted = [(self.rival.adopt(f.density), self.rival.adopt(f.rhs)) for f in frames]
            self._frame(-2)
            self.first = (clock() - begun) * 1e3
            begun = clock()
            self._frame(-1)
            self.second = (clock() - begun) * 1e3
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            return
        if self.second > 1e3 * limit:
            self.failure = f"dropped: {1e-3 * self.second:.1f} s a frame, limit {limit:g} s"

    def time(self, number: int, clock: Clock) -> None:
        """Solves and times frame ``number``."""
        try:
            begun = clock()
            between = self._frame(number, clock)
            ended = clock()
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            return
        phases = self.rival.phases() or {"update": (between - begun) * 1e3, "solve": (ended - between) * 1e3}
        self.total.append((ended - begun) * 1e3)
        self.update.append(float(phases["update"]))
        self.solve.append(float(phases["solve"]))

    def judge(self, matrix: sp.csr_matrix, rhs: np.ndarray, tolerance: float) -> None:
        """Checks the answer just timed."""
        if self.failure:
            return
        residual = check.true_residual(matrix, rhs, self.rival.fetch(self._pressure))
        self.residual.append(residual)
        self.iterations.append(int(self.rival.iterations))
        if self.rival.remark:
            self.remarks[self.rival.remark] += 1
        if not check.passes(residual, tolerance):
            said = f" ({self.rival.remark})" if self.rival.remark else ""
            self.failure = f"true residual {residual:.1e}, asked {tolerance:.0e}{said}"

    def summary(self) -> dict[str, object]:
        """The row of a table; times only where every answer was right."""
        row: dict[str, object] = {"name": self.rival.name, "failed": self.failure, "remarks": dict(self.remarks)}
        row |= {"iterations": _mean(self.iterations), "worst_iterations": max(self.iterations, default=None)}
        row |= {"worst_residual": max(self.residual, default=None)}
        if self.failure:
            return row
        p50, p95, most = np.percentile(self.total, [50, 95, 100])
        row |= {"p50": float(p50), "p95": float(p95), "max": float(most), "fps": 1e3 / float(p50)}
        row |= {"update": float(np.median(self.update)), "solve": float(np.median(self.solve))}
        return row | {"first": self.first, "samples": len(self.total)}

    def _frame(self, number: int, clock: Clock = perf_counter) -> float:
        """Runs setup and solve, and returns the clock's time between them."""
        density, rhs = self._adopted[number]
        self.rival.setup(density)
        between = clock()
        self._pressure = self.rival.solve(rhs)
        return between


def measure(
    rivals: Sequence[Rival],
    frames: Sequence[Frame],
    tolerance: float,
    rounds: int,
    *,
    limit: float = math.inf,
    also: Sequence[Callable[[], None]] = (),
    clock: Clock = perf_counter,
) -> list[Run]:
    """Times every rival on the same frames, one frame each in turn; the rival that begins changes from frame to frame.

    Args:
        rivals: those who take part.
        frames: at least two, so that nobody meets the frame it has just solved.
        tolerance: on the true residual.
        rounds: how often the sequence is gone through.
        limit: seconds a frame beyond which a rival is dropped after warm-up.
        also: functions called once a frame, after the rivals.
        clock: returns seconds.

    Returns:
        One run for each rival, in their order.
    """
    if len(frames) < 2:
        raise ValueError("at least two frames: on one alone, what is kept from frame to frame would look free")
    runs = [Run(rival) for rival in rivals]
    matrices = [check.assemble(frame.density) for frame in frames]
    for run in runs:
        run.warm_up(frames, tolerance, limit, clock)
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds * len(frames)):
            number = turn % len(frames)
            shift = turn % len(runs)
            for run in runs[shift:] + runs[:shift]:
                if not run.failure:
                    run.time(number, clock)
            for act in also:
                act()
            for run in runs:
                run.judge(matrices[number], frames[number].rhs, tolerance)
    finally:
        gc.enable()
        for run in runs:
            if math.isfinite(run.first):
                run.rival.close()
    return runs


def rows(runs: Sequence[Run], reference: str) -> list[dict[str, object]]:
    """The rows of a table, each with ``ratio``: the median of its times over those of ``reference`` in the same turn.

    The two times are moments apart, so a busy machine changes their ratio less. It is None where either has failed.
    """
    base = next((run for run in runs if run.rival.name == reference and not run.failure), None)
    table = []
    for run in runs:
        paired = base is not None and not run.failure
        ratio = float(np.median(np.divide(run.total, base.total))) if paired else None
        table.append(run.summary() | {"ratio": ratio})
    return table


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
