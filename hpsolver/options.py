"""Checks of the solver's own options. Each raises an error that names the option, the value and what is allowed."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import warp as wp

from .preconditioners import NAMES, Preconditioner, make

MOST_THREADS = 64
"""The most threads of a CPU for one grid."""


def find_device(device: wp.Device | str | None) -> wp.Device:
    """Raises ValueError: unknown device."""
    try:
        return wp.get_device(device)
    except ValueError:
        known = ", ".join(known.alias for known in wp.get_devices())
        raise ValueError(f"unknown device {device!r}; available here: {known}") from None


def check_tolerances(relative: Any, absolute: Any) -> tuple[float, float]:
    """Raises ValueError: a tolerance is not in its range, or both are 0."""
    if not isinstance(absolute, Real) or not 0.0 <= float(absolute) < 1e100:
        raise ValueError(f"absolute_tolerance must be a number in [0, 1e100), got {absolute!r}")
    least = isinstance(relative, Real) and (float(relative) > 0.0 or (float(relative) == 0.0 and float(absolute) > 0.0))
    if not least or not float(relative) < 1.0:
        raise ValueError(f"tolerance must be a number in (0, 1), or 0 with an absolute_tolerance, got {relative!r}")
    return float(relative), float(absolute)


def check_max_iterations(value: Any) -> int:
    """Raises ValueError: not an integer in [0, 2**31)."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not 0 <= int(value) < 2**31:
        raise ValueError(f"max_iterations must be an integer in [0, 2**31), got {value!r}")
    return int(value)


def check_worlds(value: Any) -> int | None:
    """Raises ValueError: neither None nor an integer in [1, 2**20]."""
    if value is None:
        return None
    if not isinstance(value, Integral) or isinstance(value, bool) or not 1 <= int(value) <= 2**20:
        raise ValueError(f"worlds must be None or an integer in [1, 2**20], got {value!r}")
    return int(value)


def check_threads(value: Any, device: wp.Device, worlds: int | None) -> int:
    """Raises ValueError: not an integer in [1, 64], or more than 1 on a GPU or for many worlds."""
    if not isinstance(value, Integral) or isinstance(value, bool) or not 1 <= int(value) <= MOST_THREADS:
        raise ValueError(f"threads must be an integer in [1, {MOST_THREADS}], got {value!r}")
    if int(value) > 1 and device.is_cuda:
        raise ValueError(f"threads are a CPU's: on {device} it must be 1, got {value}")
    if int(value) > 1 and worlds:
        raise ValueError(f"threads: many worlds are shared out by themselves, so it must be 1 with worlds, got {value}")
    return int(value)


def check_word(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Raises ValueError: not one of the words allowed."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"unknown {name} {value!r}; allowed: {', '.join(allowed)}")
    return value


def check_flag(name: str, value: Any) -> bool:
    """Raises TypeError: neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_solid(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The mask as a NumPy array. Raises TypeError or ValueError: another dtype or shape."""
    values: np.ndarray = np.asarray(mask.numpy() if isinstance(mask, wp.array) else mask)
    if values.dtype != np.bool_:
        raise TypeError(f"solid mask: dtype must be bool, got {values.dtype}")
    if values.shape != shape:
        raise ValueError(f"solid mask: shape must be {shape}, got {values.shape}")
    return values


def check_spreads(preconditioner: Preconditioner) -> None:
    """Raises ValueError: the preconditioner does not say that its launches may go to many worlds, or threads."""
    if not preconditioner.spreads:
        raise ValueError(
            f"preconditioner {preconditioner.name!r} is not known to work in many worlds or threads: all that it "
            "launches must go through hpsolver.kernels.building; its attribute spreads says so if it does"
        )


def check_moves(preconditioner: Preconditioner) -> None:
    """Raises ValueError: the preconditioner cannot follow a fluid that changes every frame."""
    if not preconditioner.moves:
        able = ", ".join(name for name in NAMES if make(name).moves)
        raise ValueError(
            f"preconditioner {preconditioner.name!r} cannot follow solids, surfaces or faces that change every frame; "
            f"those that can: {able}"
        )
