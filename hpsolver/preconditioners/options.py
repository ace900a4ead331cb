"""Checks of a preconditioner's options. Each raises an error that names the option, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TypeGuard

import numpy as np


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a value is an integer, Python's or NumPy's; True and 8.0 are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_one_of(name: str, value: object, allowed: Sequence[int | str], *, or_none: bool = False) -> None:
    """Refuses a value that is not one of ``allowed``, except None if ``or_none``.

    Raises:
        ValueError: the value is not allowed.
    """
    known = (is_integer(value) or isinstance(value, str)) and value in allowed
    if not known and not (or_none and value is None):
        choices = ("None or " if or_none else "") + f"one of {tuple(allowed)}"
        raise ValueError(f"{name} must be {choices}, got {value!r}")


def check_at_least(name: str, value: object, least: int, *, or_else: str | None = None) -> None:
    """Refuses a value that is not an integer of at least ``least``.

    Args:
        or_else: what else is allowed, for the message.

    Raises:
        ValueError: the value is something else.
    """
    if not is_integer(value) or value < least:
        choices = f"an integer >= {least}" + (f" or {or_else}" if or_else else "")
        raise ValueError(f"{name} must be {choices}, got {value!r}")


def check_flag_or_none(name: str, value: object) -> None:
    """Refuses a value that is not True, False or None.

    Raises:
        TypeError: it is something else.
    """
    if value is not None and not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be None, True or False, got {value!r}")
