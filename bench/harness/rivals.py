"""All rivals, and which of them can run here."""

from __future__ import annotations

from collections.abc import Callable

from bench import external
from hpsolver import preconditioners
from hpsolver.preconditioners import Preconditioner, Schwarz

from .engine import Engine
from .rival import Rival

VARIANTS: dict[str, Callable[[], Preconditioner]] = {
    "schwarz, all leaves at once": lambda: Schwarz(sweep="deflated"),
    "schwarz, additive": lambda: Schwarz(sweep="additive"),
}
"""Rivals beside those of the registry, which show what the sweep and the deflation of ``schwarz`` are worth."""


def engine(device: str = "cpu", precision: str = "mixed") -> list[Rival]:
    """One rival for each preconditioner in the library's registry, and the variants."""
    registered = [Engine(name, None, device, precision) for name in preconditioners.NAMES]
    return registered + [Engine(name, make(), device, precision) for name, make in VARIANTS.items()]


def everyone(device: str = "cpu", precision: str = "mixed") -> list[Rival]:
    return engine(device, precision) + external.everyone()


def select(rivals: list[Rival], only: str) -> list[Rival]:
    """The rivals whose name holds one of the comma-separated words; all for an empty text.

    Raises:
        SystemExit: nobody is left.
    """
    words = [word.strip().lower() for word in only.split(",") if word.strip()]
    chosen = [rival for rival in rivals if not words or any(word in rival.name.lower() for word in words)]
    if not chosen:
        raise SystemExit(f"--only {only}: none of {', '.join(rival.name for rival in rivals)}")
    return chosen


def split(rivals: list[Rival]) -> tuple[list[Rival], dict[str, str]]:
    """The rivals that can run here, and the reason why not for each of the others, by name."""
    reasons = {rival.name: rival.available() for rival in rivals}
    present = [rival for rival in rivals if reasons[rival.name] is None]
    return present, {name: reason for name, reason in reasons.items() if reason}


def describe(rivals: list[Rival]) -> dict[str, dict[str, object]]:
    """Version and settings by name."""
    return {r.name: {"package": r.package, "version": r.version, "settings": dict(r.settings)} for r in rivals}
