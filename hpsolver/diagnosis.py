"""The report of a frame, on the host: how it went, which input was unusable, and what may have made it hard."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import warp as wp

from hpsolver.kernels import state as S

from .info import Status, StepInfo
from .pcg import ConjugateGradients
from .system import System

HARD_CONTRAST = 1e6
TORN = 0.2
"""Solids are named as a likely cause if they cut more than this share of the leaves."""
FLAT = 4.0
LARGE_MEAN = 0.5
"""A mean taken from the right-hand side is mentioned if it is more than this share of it."""
SLACK = 10.0

UNUSABLE = (Status.NONFINITE_RHS, Status.BAD_DENSITY)
SLOW = (
    Status.MAX_ITERATIONS,
    Status.STAGNATED,
    Status.BREAKDOWN_OPERATOR,
    Status.BREAKDOWN_PRECONDITIONER,
    Status.NONFINITE_STATE,
)


def report(
    pcg: ConjugateGradients, rounded: wp.array | None, names: tuple[str, str], timings: dict[str, float]
) -> StepInfo:
    """Reads the device's scalars (waits for the device).

    Args:
        rounded: the result of ``ConjugateGradients.round`` if the pressure was returned in single precision.
        names: the preconditioner's and its fallback's.
    """
    system, counters, scalars = pcg.system, pcg.counter.numpy(), pcg.state.numpy()
    status = Status(int(counters[S.STATUS]))
    usable = status not in (*UNUSABLE, Status.RUNNING)
    mean, share, residual = 0.0, 0.0, float(residuals(counters, scalars))
    output_residual = residual
    means, sizes = system.means() if usable else (np.zeros(0), np.zeros(0))
    if len(means):
        mean, share = float(means[abs(means).argmax()]), share_removed(means, sizes, scalars[S.RHS_NORM])
    if usable and scalars[S.SCALE] > 0:
        output_residual = math.sqrt(scalars[S.BEST] if rounded is None else rounded.numpy()[0])
    bad, first = bad_cells(system, status)
    fallback = bool(counters[S.FALLBACK])
    info = StepInfo(
        status=status,
        iterations=int(counters[S.ITERATION]),
        residual=residual,
        output_residual=output_residual,
        rhs_mean_removed=mean,
        rhs_share_removed=share,
        bad_cells=bad,
        first_bad_cell=first,
        preconditioner=names[fallback],
        fallback=fallback,
        timings=timings,
    )
    return dataclasses.replace(info, hints=hints(system, info, float(scalars[S.RELATIVE])))


def residuals(counters: np.ndarray, scalars: np.ndarray) -> np.ndarray:
    """[...] ||b - A p|| / ||b|| of frames from their counters and scalars [..., :] (``hpsolver.kernels.state``): NaN
    for unusable input, 0 where b = 0."""
    status = counters[..., S.STATUS]
    unusable = functools.reduce(np.logical_or, [status == one for one in (*UNUSABLE, Status.RUNNING)])
    asked = (scalars[..., S.SCALE] > 0) & ~unusable
    measure = np.where(asked, scalars[..., S.RHS_MEASURE], 1.0)
    return np.where(unusable, math.nan, np.sqrt(np.where(asked, scalars[..., S.NORM], 0.0) / measure))


def bad_cells(system: System, status: Status) -> tuple[int, tuple[int, ...] | None]:
    """Number of fluid cells with an unusable right-hand side, density, distance or face, and index of the first."""
    mended = int(system.mended.numpy()[0]) if system.mended is not None else 0
    if status not in UNUSABLE and not mended:
        return 0, None
    if status is Status.NONFINITE_RHS:
        bad = ~np.isfinite(system.rhs.numpy())
    else:
        density = system.given.numpy()
        bad = ~((density > 1e-300) & (density < 1e300))
        if system.moving:
            bad |= system.moving.unusable(system.largest_assembled_share)
    bad &= system.fluid.numpy() > 0
    if not bad.any():  # each value is finite, but the sum of their squares is not
        return 0, None
    first = np.unravel_index(system.bricks.cell[bad].min(), system.grid.shape)
    return int(np.count_nonzero(bad)), tuple(int(k) for k in first)


def share_removed(means: np.ndarray, sizes: np.ndarray, norm: float) -> float:
    """||means taken from the right-hand side|| / ||the whole right-hand side||.

    Args:
        means, sizes: [regions] mean taken from each cell of a region, and how many cells it has.
        norm: ||what is left of the right-hand side||.
    """
    removed = float(np.linalg.norm(means * np.sqrt(sizes)))
    return removed / math.hypot(removed, norm) if removed > 0.0 else 0.0


def hints(system: System, info: StepInfo, tolerance: float) -> tuple[str, ...]:
    """Sentences on why a frame may not have converged, or why its pressure may not be what was asked for."""
    found = []
    if info.status is Status.NONFINITE_RHS and not info.bad_cells:
        found.append("Every cell of rhs is finite, but its squared norm is not: scale it.")
    if info.status not in UNUSABLE and info.rhs_share_removed > LARGE_MEAN:
        found.append(
            f"{info.rhs_share_removed:.0%} of rhs was a mean over closed regions, which no pressure balances: "
            "does the fluid really have no open side?"
        )
    if info.converged and info.output_residual > SLACK * max(tolerance, info.residual):
        found.append(
            f"Rounded to float32 the pressure leaves a relative residual of {info.output_residual:.1e}: take it as "
            "float64 (a float64 rhs or out)."
        )
    if info.status in SLOW:
        found += _difficulties(system)
    return tuple(found)


def _difficulties(system: System) -> list[str]:
    found = []
    density = system.density.numpy()[system.fluid.numpy() > 0]
    low, high = (float(density.min()), float(density.max())) if len(density) else (1.0, 1.0)
    if high > HARD_CONTRAST * low:
        found.append(
            f"Densities span {low:.1e} to {high:.1e}: beyond about 1e9:1 double precision itself limits the residual "
            "where one phase encloses another."
        )
    pieces = system.leaf_pieces
    pieces = pieces[pieces > 0]
    cut = float(np.mean(pieces > 1)) if len(pieces) else 0.0
    if cut > TORN:
        found.append(
            f"Solids cut the fluid in {cut:.0%} of the leaves of {system.bricks.leaf_size} cells, into up to "
            f"{pieces.max()} pieces: 'schwarz' with more functions a leaf, Schwarz(16), is made for that."
        )
    flat = system.grid.aspect
    if flat > FLAT:
        found.append(
            f"Cells are flat, 1:{flat:.3g}: 'schwarz' shapes its leaves after them, where that is so everywhere."
        )
    return found
