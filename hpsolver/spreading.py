"""How a solver's launches are carried out in many worlds (``worlds``) or by many ranks (``distributed``)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import warp as wp

from .kernels.building import SPREAD, Recorded, Spread, Threads
from .kernels.programs import Launch, Repeat, all_launches

if TYPE_CHECKING:
    from .pcg import Loop


class Carrier(Protocol):
    """Carries out all of a frame's launches.

    Attributes:
        first_thread: what is being recorded is for the first of the threads that run at the same time.
    """

    @property
    def first_thread(self) -> bool: ...

    def all(self) -> contextlib.AbstractContextManager[None]:
        """A context in which launches go to this carrier."""

    def carry_out(self, part: Callable[[Loop], None], loop: Loop) -> None:
        """Records (or runs) a part of a frame."""

    def capture(self, part: Callable[[Loop], None]) -> Callable[[], None]:
        """Captures a part of a frame; the result replays it."""

    def compile(self, run: Callable[[], None]) -> None:
        """Compiles and loads what ``run`` launches; runs nothing."""

    def kernel(self, kernel: wp.Kernel) -> wp.Kernel:
        """The kernel that is launched in a kernel's place."""

    def each(self, function: Callable[[], None]) -> None:
        """Runs, for each grid, a function that knows only the arrays of one."""

    def forget(self, but: wp.array) -> None:
        """Forgets all arrays but one, since the solver was bound to others."""


def everywhere(carrier: Carrier | None) -> contextlib.AbstractContextManager[None]:
    """A context in which launches go to the carrier, if there is one."""
    return carrier.all() if carrier else contextlib.nullcontext()


@contextlib.contextmanager
def spread_to(spread: Spread | None) -> Iterator[None]:
    """A context in which launches go to ``spread``; None: to the device."""
    token = SPREAD.set(spread)
    try:
        yield
    finally:
        SPREAD.reset(token)


def noted(run: Callable[[], None]) -> list[Launch]:
    """What ``run`` would launch; nothing is launched."""
    notes = Notes()
    with spread_to(notes):
        run()
    return notes.parts


def noted_with_loops(run: Callable[[Loop], None]) -> list[Launch]:
    """What ``run`` would launch, in loops too; nothing is launched."""
    notes = Notes()
    with spread_to(notes):
        run(notes.loop)
    launches: list[Launch] = all_launches(notes.parts)
    return launches


def kernels_of(launches: Sequence[Launch]) -> list[wp.Kernel]:
    """The kernels of launches, to be loaded; the types of a generic one come with each launch."""
    return [launch.kernel for launch in launches if not launch.kernel.is_generic]


class Notes:
    """Notes what would be launched (``hpsolver.kernels.building.Spread``), and loops that ``loop`` makes.

    Attributes:
        parts: launches and loops (``Launch``, ``Repeat``), in order.
        is_all: nothing else was asked for.
    """

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.is_all = True

    def loop(self, condition: wp.array, body: Callable[[], None]) -> None:
        """Notes a loop around what ``body`` would launch."""
        outside, self.parts = self.parts, []
        body()
        self.parts = [*outside, Repeat(condition, self.parts)]

    def launch(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> None:
        self.parts.append(Launch(kernel, blocks, inputs))

    def launch_threads(self, kernel: wp.Kernel, threads: Threads, inputs: Sequence[object]) -> None:
        self.parts.append(Launch(kernel, threads, inputs))

    def record(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> Recorded:
        raise NotImplementedError("only launches are noted")

    def each(self, function: Callable[[], None]) -> None:
        self.is_all = False
