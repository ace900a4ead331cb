"""What a rank knows of the arrays that ranks share: its own part always, others' as far as they have been sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import warp as wp

OWN, CELLS, LEAVES, EVERYWHERE = range(4)
"""How far a rank's copy of an array is what the owners have: at the rank's own leaves, which always holds; in the layer
of cells across the cut too; in the leaves there too; everywhere."""


class Known:
    """How far each shared array is known, while launches are carried out or recorded. The same on every rank.

    Arrays are identified by their address; one that is not listed is known everywhere. A negative level -1 - f means
    ``CELLS``, except for what the groups of one colour, the first being f, have changed since; a sweep over the same
    groups needs no message.
    """

    def __init__(self) -> None:
        self._levels: dict[int, int] = {}

    def of(self, array: object) -> int:
        return self._levels.get(root(array).ptr, EVERYWHERE)

    def note(self, array: object, level: int) -> None:
        self._levels[root(array).ptr] = level

    def doubt(self) -> None:
        """Assumes that the owners have changed every shared array."""
        self._levels = dict.fromkeys(self._levels, OWN)

    def now(self) -> dict[int, int]:
        return dict(self._levels)

    def no_more_than(self, before: dict[int, int]) -> None:
        """Keeps, of what is known now, only what was known before too."""
        after = self._levels
        pairs = {ptr: (before.get(ptr, EVERYWHERE), after.get(ptr, EVERYWHERE)) for ptr in before.keys() | after.keys()}
        self._levels = {ptr: a if a == b else max(min(a, b), OWN) for ptr, (a, b) in pairs.items()}

    def settle(self, body: Callable[[], None]) -> None:
        """Finds what is known whenever an iteration of a loop begins, the first one too; ``body`` only notes."""
        while True:
            before = self.now()
            body()
            self.no_more_than(before)
            if self._levels == before:
                return


def root(array: object) -> wp.array:
    """The array that this one is a part of."""
    whole = cast(wp.array, array)
    while isinstance(whole._ref, wp.array):
        whole = whole._ref
    return whole
