"""Who carries out a solver's launches in the place of one process on one grid: many worlds, or many ranks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import warp as wp

from .kernels.building import BLOCK, SPREAD, Recorded, Spread, Threads
from .pcg import Loop


class Carrier(Protocol):
    """Carries out all of a frame's launches.

    Attributes:
        first_thread: what is recorded is not for others that go on at the same time.
    """

    @property
    def first_thread(self) -> bool: ...

    def all(self) -> contextlib.AbstractContextManager[None]:
        """Launches go to it meanwhile."""

    def carry_out(self, part: Callable[[Loop], None], loop: Loop) -> None:
        """Records (or runs) a part of a frame."""

    def capture(self, part: Callable[[Loop], None]) -> Callable[[], None]:
        """Captures a part of a frame; the result replays it."""

    def compile(self, run: Callable[[], None]) -> None:
        """Compiles and loads what ``run`` launches; runs nothing."""

    def each(self, function: Callable[[], None]) -> None:
        """Runs what knows only the arrays of one grid."""

    def forget(self, but: wp.array) -> None:
        """The solver was bound to other arrays; one is kept."""


def everywhere(carrier: Carrier | None) -> contextlib.AbstractContextManager[None]:
    """Launches go to the carrier meanwhile, if there is one."""
    return carrier.all() if carrier else contextlib.nullcontext()


@contextlib.contextmanager
def spread_to(spread: Spread | None) -> Iterator[None]:
    """Launches go there meanwhile."""
    token = SPREAD.set(spread)
    try:
        yield
    finally:
        SPREAD.reset(token)


def noted(run: Callable[[], None]) -> list[wp.Kernel]:
    """What ``run`` would launch."""
    notes = _Notes()
    with spread_to(notes):
        run()
    return notes.kernels


def load(kernels: Sequence[wp.Kernel], device: wp.Device) -> None:
    """Compiles and loads kernels, by as many threads as there are processors."""
    modules = dict.fromkeys(kernel.module for kernel in kernels)
    wp.force_load(device, modules=list(modules), block_dim=BLOCK, max_workers=os.cpu_count())


class _Notes:
    """Notes what would be launched (``hpsolver.kernels.building.Spread``)."""

    def __init__(self) -> None:
        self.kernels: list[wp.Kernel] = []

    def launch(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> None:
        self.kernels.append(kernel)

    def launch_threads(self, kernel: wp.Kernel, threads: Threads, inputs: Sequence[object]) -> None:
        if not kernel.is_generic:  # of which the types come with the launch
            self.kernels.append(kernel)

    def record(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> Recorded:
        raise NotImplementedError("only launches are noted")

    def each(self, function: Callable[[], None]) -> None: ...
