"""What a frame reports about itself."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from hpsolver.kernels import state as S


class Status(enum.IntEnum):
    """How a frame ended. Each member carries a sentence of advice as ``advice``, and prints as its name."""

    RUNNING = S.RUNNING, "No frame has been solved yet: call step() first."
    CONVERGED = S.CONVERGED, "The true relative residual is at or below the tolerance."
    MAX_ITERATIONS = (
        S.ITERATION_LIMIT,
        "The iteration limit was reached; the pressure is the best iterate. Raise max_iterations, loosen the "
        "tolerance, or choose a stronger preconditioner.",
    )
    STAGNATED = (
        S.STAGNATED,
        "The true residual stopped falling, for the fallback too unless rounding explains it; the pressure is the best "
        "iterate. Loosen the tolerance, or use precision='mixed' or 'float64'.",
    )
    BREAKDOWN_OPERATOR = (
        S.BREAKDOWN_OPERATOR,
        "p.Ap <= 0: the operator is not positive along a search direction. Look for a density range beyond about "
        "1e12, or use precision='float64'.",
    )
    BREAKDOWN_PRECONDITIONER = (
        S.BREAKDOWN_PRECONDITIONER,
        "r.z <= 0: the preconditioner is not positive definite. Use preconditioner='schwarz' or 'jacobi'.",
    )
    NONFINITE_RHS = (
        S.NONFINITE_RHS,
        "The right-hand side holds NaN or Inf, or its squared norm overflows. The pressure is the last good one with "
        "warm_start, else zero.",
    )
    BAD_DENSITY = (
        S.BAD_DENSITY,
        "A fluid cell's density is not a positive finite number. The pressure is the last good one with warm_start, "
        "else zero.",
    )
    NONFINITE_STATE = (
        S.NONFINITE_STATE,
        "A NaN or Inf appeared during the solve; the pressure is the last good iterate. Check the preconditioner and "
        "the range of the density.",
    )

    advice: str

    def __new__(cls, value: int, advice: str = "") -> Status:
        member = int.__new__(cls, value)
        member._value_ = value
        member.advice = advice
        return member

    def __str__(self) -> str:
        return self.name.lower()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


NAMED = 8
"""The most worlds that a message names."""


class SolveError(RuntimeError):
    """Raised by ``StepInfo.raise_for_status``."""


@dataclass(frozen=True)
class StepInfo:
    """The report of the last frame. Reading it waits for the device.

    Attributes:
        status: how it ended.
        iterations: PCG iterations, fallback included.
        residual: ||b - A p|| / ||b|| in the solver's ``norm``, recomputed in double precision; b is the right-hand side
            without the removed mean. 0 for a zero right-hand side, NaN if the input was unusable. p is the pressure
            before it is rounded to the dtype of the output.
        output_residual: the same in the 2-norm, for the pressure as it was returned. Rounding to float32 makes it
            larger, as for any exact solution: 5e-5 with bubbles 1000:1 at 128x64.
        rhs_mean_removed: mean taken from the right-hand side over a fluid region without an open side (the largest in
            magnitude, if there are several such regions); 0 if nothing had to be removed.
        rhs_share_removed: 2-norm of what was taken from the right-hand side, over the 2-norm of all of it. Near 0 for
            the divergence of a closed flow; 1 for a constant.
        bad_cells, first_bad_cell: number of fluid cells with an unusable density or right-hand side, and index of the
            first in row-major order; 0 and None if there are none. With ``on_bad_density="clamp"`` the frame may be
            good all the same.
        preconditioner: name of the one that finished the solve.
        fallback: True when the chosen preconditioner failed or was slow, in this frame or not long ago, and its
            fallback took over.
        timings: milliseconds, ``update`` (assembly and preconditioner), ``solve`` and ``total``.
        hints: sentences on why a frame may not have converged, or why its pressure may not be what was asked for.
    """

    status: Status
    iterations: int
    residual: float
    output_residual: float
    rhs_mean_removed: float
    rhs_share_removed: float
    bad_cells: int
    first_bad_cell: tuple[int, ...] | None
    preconditioner: str
    fallback: bool
    timings: dict[str, float]
    hints: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        return self.status is Status.CONVERGED

    def raise_for_status(self) -> None:
        """Raises ``SolveError`` with the status' advice and the hints, unless the frame converged."""
        if not self.converged:
            raise SolveError(self.sentence())

    def sentence(self) -> str:
        """How the frame ended, with advice."""
        head = (
            f"{self.status} after {self.iterations} iterations, relative residual "
            f"{self.residual:.3g}, preconditioner {self.preconditioner!r}."
        )
        where = [f"Bad cells: {self.bad_cells}, the first at {self.first_bad_cell}."] if self.bad_cells else []
        return " ".join([head, *where, self.status.advice, *self.hints])


@dataclass(frozen=True, repr=False)
class WorldsInfo:
    """The report of the last frame of many worlds. ``info[w]`` is the ``StepInfo`` of one of them, until the next
    ``step``.

    Attributes:
        status: [worlds] int32, ``Status`` of each.
        iterations: [worlds] int32.
        residual: [worlds], as in ``StepInfo``.
        preconditioner: [worlds] name of the one that finished the solve; ``fallback``: [worlds] bool.
        timings: milliseconds of the frame of all worlds, as in ``StepInfo``.
        one: what ``info[w]`` calls.
    """

    status: np.ndarray
    iterations: np.ndarray
    residual: np.ndarray
    preconditioner: np.ndarray
    fallback: np.ndarray
    timings: dict[str, float]
    one: Callable[[int], StepInfo]

    @property
    def converged(self) -> np.ndarray:
        """[worlds] bool."""
        good: np.ndarray = self.status == Status.CONVERGED
        return good

    def __repr__(self) -> str:
        most, worst = self.iterations.max(), np.nanmax(self.residual, initial=0.0)
        good = np.count_nonzero(self.converged)
        return f"WorldsInfo({good} of {len(self)} worlds converged, iterations up to {most}, residual to {worst:.1e})"

    def __len__(self) -> int:
        return len(self.status)

    def __getitem__(self, world: int) -> StepInfo:
        if not -len(self) <= world < len(self):
            raise IndexError(f"world {world} of {len(self)}")
        return self.one(world % len(self))

    def __iter__(self) -> Iterator[StepInfo]:
        return (self[world] for world in range(len(self)))

    def raise_for_status(self) -> None:
        """Raises ``SolveError`` that names the worlds whose frame did not converge, unless all did."""
        failed = np.flatnonzero(~self.converged)
        if len(failed):
            first = failed[:NAMED].tolist()
            more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
            head = f"{len(failed)} of {len(self)} worlds did not converge: {', '.join(map(str, first))}{more}."
            raise SolveError(f"{head} World {first[0]}: {self[first[0]].sentence()}")
