"""What a rank knows of the arrays that ranks share: its own part always, others' as far as they have been sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import warp as wp

OWN, CELLS, LEAVES, EVERYWHERE = range(4)
"""How far an array is what its owners have: at the rank's own leaves, which is always so; at the layer of cells across
the cut; at the leaves there; on all ranks."""


class Known:
    """How far each shared array is known, while launches are carried out or recorded. The same on every rank.

    Arrays go by their address; one that is not here is known everywhere. A negative number -1 - f: as far as the cells,
    but for what the groups of one colour, from f on, have changed since; who sweeps these again need not ask.
    """

    def __init__(self) -> None:
        self._levels: dict[int, int] = {}

    def of(self, array: object) -> int:
        return self._levels.get(root(array).ptr, EVERYWHERE)

    def note(self, array: object, level: int) -> None:
        self._levels[root(array).ptr] = level

    def doubt(self) -> None:
        """Whoever may have changed any of them."""
        self._levels = dict.fromkeys(self._levels, OWN)

    def now(self) -> dict[int, int]:
        return dict(self._levels)

    def no_more_than(self, before: dict[int, int]) -> None:
        """What is known now as well as it was before."""
        after = self._levels
        pairs = {ptr: (before.get(ptr, EVERYWHERE), after.get(ptr, EVERYWHERE)) for ptr in before.keys() | after.keys()}
        self._levels = {ptr: a if a == b else max(min(a, b), OWN) for ptr, (a, b) in pairs.items()}

    def settle(self, body: Callable[[], None]) -> None:
        """Finds what is known at the begin of every turn of a loop, the first one included; ``body`` only notes."""
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
