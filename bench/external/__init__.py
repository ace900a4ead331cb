"""Solvers of other libraries, each a thin adapter (``bench.harness.rival``) that says why if it cannot run."""

from __future__ import annotations

from bench.harness.rival import Rival

from .amgx import Amgx
from .cholespy import Cholespy
from .cudss import CuDss
from .cupy import CupyCg
from .pyamg import PyAmg
from .scipy import ScipyCg, SuperLu


def everyone() -> list[Rival]:
    pyamg = [PyAmg("smoothed aggregation"), PyAmg("Ruge-Stuben")]
    amgx = [Amgx(kind) for kind in ("DILU", "aggregation AMG", "classical AMG")]
    return [ScipyCg(), SuperLu(), Cholespy(), *pyamg, CupyCg(), CuDss(), *amgx]


__all__ = ["Amgx", "Cholespy", "CuDss", "CupyCg", "PyAmg", "ScipyCg", "SuperLu", "everyone"]
