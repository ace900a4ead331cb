"""The items of a launch, blocks or threads, that are a rank's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import warp as wp

from hpsolver.system import System

from .access import Access
from .slabs import Slabs

ALL, INSIDE, AT_CUT = "all", "inside", "at cut"
"""Parts of a rank's items: those at a cut read across it, those inside do not."""


class Items:
    """Lists of a rank's items, on the device, each made once."""

    def __init__(self, system: System, slabs: Slabs):
        self._count, self._device = system.leaves, system.device
        own = slabs.leaves(slabs.rank)
        borders = [border.leaves for border in slabs.borders.values()]
        at_cut = np.unique(np.concatenate(borders)) if borders else own[:0]
        self._leaves = {ALL: own, INSIDE: np.setdiff1d(own, at_cut), AT_CUT: at_cut}
        self._lists: dict[tuple[object, ...], wp.array] = {}
        self._groups: dict[int, int] = {}  # how many there are, by address of their members

    def of(self, access: Access, count: int, given: dict[str, object], which: str = ALL) -> tuple[wp.array, int]:
        """([..] int32 our items, or those ``which`` says; how many blocks or threads each has).

        Args:
            count: blocks or threads of the whole launch.
            given: its arguments, by name.
        """
        if access.items in ("leaves", "cells"):
            return self.listed((which,), lambda: self._leaves[which]), count // self._count
        if access.items in ("slots", "bundles"):
            size = -(-self._count // count)
            return self.listed((which, count), lambda: self._runs(size, which)), 1
        members = cast(wp.array, given["members"])
        # The first launch for these members is a factorisation, which has a block for each group.
        groups = self._groups.setdefault(members.ptr, count)
        if "first" not in given:
            return self.listed((which, members.ptr), lambda: self._own_groups(members, which)), count // groups
        first = cast(int, given["first"])

        def of_color() -> np.ndarray:
            ours = self._own_groups(members, which) - first
            found: np.ndarray = ours[(ours >= 0) & (ours < count)]
            return found

        return self.listed((which, members.ptr, first), of_color), 1

    def _runs(self, size: int, which: str) -> np.ndarray:
        """Runs of ``size`` consecutive leaves that hold one of ours; by ``which``, with or without one at a cut."""
        own, at_cut = (np.unique(self._leaves[part] // size) for part in (ALL, AT_CUT))
        return {ALL: own, INSIDE: np.setdiff1d(own, at_cut), AT_CUT: at_cut}[which]

    def _own_groups(self, members: wp.array, which: str) -> np.ndarray:
        """The same for groups. Nobody reads what we compute for leaves of other ranks in them."""
        leaf = members.numpy().reshape(self._groups[members.ptr], -1)
        own, at_cut = (np.isin(leaf, self._leaves[part]).any(axis=1) for part in (ALL, AT_CUT))
        return np.flatnonzero({ALL: own, INSIDE: own & ~at_cut, AT_CUT: at_cut}[which])

    def listed(self, key: tuple[object, ...], numbers: Callable[[], np.ndarray]) -> wp.array:
        """The list of this key, made of ``numbers`` the first time."""
        if key not in self._lists:
            self._lists[key] = wp.array(numbers(), dtype=wp.int32, device=self._device)
        return self._lists[key]
