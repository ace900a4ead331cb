"""Preconditioners by name, and as objects with options.

``Solver(preconditioner=...)`` takes a name from ``NAMES``, or ``auto``, or an object, for instance
``Schwarz(coarse_size=16)``.
"""

from __future__ import annotations

from collections.abc import Callable

import warp as wp

from hpsolver.grid import Grid

from .base import Patience, Preconditioner
from .block_jacobi import BlockJacobi
from .dd_attention import DDAttention
from .diagonal import Identity, Jacobi
from .dilu import DILU
from .htp import HTP
from .htp_paper import HTPaper
from .multigrid import Multigrid
from .schwarz import Schwarz
from .spai import NeuralSPAI


def _fsai() -> Preconditioner:
    from .fsai import FSAI  # brings in warp.optim, a fifth of the time that importing hpsolver takes

    return FSAI()


NAMES: dict[str, Callable[[], Preconditioner]] = {
    "none": Identity,
    "jacobi": Jacobi,
    "block_jacobi": BlockJacobi,
    "schwarz": Schwarz,
    "multigrid": Multigrid,
    "dilu": DILU,
    "fsai": _fsai,
    "spai": NeuralSPAI,
    "dd_attention": DDAttention,
    "htp_paper": HTPaper,
    "htp": HTP,
}
"""What each name stands for."""

TINY = 1_200
"""Up to this many cells of a 2D grid, ``schwarz`` is faster than ``multigrid`` on a CPU."""


ASPECT = 7.0
"""From this aspect of cells on, ``schwarz`` is faster on a CPU: its leaves are long where the coupling is strong."""


def auto(grid: Grid, device: wp.Device) -> str:
    """The name that ``auto`` stands for: ``schwarz`` on stretched grids whose lines it relaxes, and on a CPU for tiny
    2D grids and flat cells; else ``multigrid``.

    This choice is the fastest, or nearly, on all frames of the gallery (``bench/results/choice.md``): where
    ``multigrid`` is slow, ``schwarz`` takes over within the frame and begins the next ones.
    """
    tiny, flat = grid.dimension == 2 and grid.cells <= TINY, grid.aspect >= ASPECT
    return "schwarz" if grid.line_axes or ((tiny or flat) and not device.is_cuda) else "multigrid"


def make(preconditioner: str | Preconditioner) -> Preconditioner:
    """The preconditioner a user named, or the object given.

    Raises:
        ValueError: unknown name.
        TypeError: neither a name nor a preconditioner.
    """
    if isinstance(preconditioner, Preconditioner):
        return preconditioner
    if not isinstance(preconditioner, str):
        raise TypeError(f"preconditioner must be a name or a Preconditioner, got {type(preconditioner).__name__}")
    if preconditioner not in NAMES:
        raise ValueError(f"unknown preconditioner {preconditioner!r}; allowed: auto, {', '.join(NAMES)}")
    return NAMES[preconditioner]()


def make_fallback(bound: Preconditioner) -> Preconditioner | None:
    """The fallback of a bound preconditioner, bound to the same system. Where that fails, the fallback's own fallback
    takes its place."""
    chosen = bound.choose_fallback()
    while chosen is not None:
        fallback = make(chosen)
        try:
            return fallback.bind(bound.system)
        except ValueError:  # too large a grid, for instance
            chosen = fallback.fallback
    return None


def available() -> dict[str, str | None]:
    """Maps every name to None where it can be used here, else to the reason why not."""
    return dict.fromkeys(NAMES)


__all__ = [
    "DILU",
    "HTP",
    "NAMES",
    "BlockJacobi",
    "DDAttention",
    "HTPaper",
    "Identity",
    "Jacobi",
    "Multigrid",
    "NeuralSPAI",
    "Patience",
    "Preconditioner",
    "Schwarz",
    "auto",
    "available",
    "make",
    "make_fallback",
]
