"""A team: threads of a CPU that carry out one grid's frame together.

The rest of the code knows one thread, and records its launches as always. ``Team`` captures a frame once for each of
its threads: of every launch a thread has its share of the blocks, and all meet behind it. So the threads never wait for
Python, and what they compute does not depend on which of them is faster. The caller's thread is the first of them.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import warp as wp

from hpsolver.kernels import team as kernels
from hpsolver.kernels.building import Recorded, Threads, launch, launch_threads, record
from hpsolver.kernels.parts import over_span
from hpsolver.kernels.rewriting import kernel_name, place_of

from .capture import capture_frame
from .compiling import load
from .pcg import Loop
from .spreading import kernels_of, noted, spread_to

ALONE = ("connectivity.links", "connectivity.roots", "connectivity.regions", "moving.sums", "kernels.mending.mend")
"""Kernels whose blocks change the same numbers, which on a CPU they do one after the other."""

Way = Callable[[wp.Kernel, Any, Sequence[object], wp.Device], None]
"""``launch`` or ``launch_threads``."""


class Team:
    """Carries out a solver's launches (``hpsolver.spreading.Carrier``) by ``threads`` threads.

    Only what is captured is shared: the first frame, and frames in the caller's own graph, are for one thread. They
    give the same bits, since partial sums are over the shares of the same ``threads`` blocks (``System.slots``).
    """

    def __init__(self, threads: int, device: wp.Device):
        self._threads, self._device = threads, device
        self._gate = wp.zeros(2 * kernels.APART, dtype=wp.int32, device=device)
        self._thread: int | None = None  # the one that a frame is being captured for
        self._crew = _Crew(threads - 1)

    @property
    def first_thread(self) -> bool:
        """Whether what is being recorded is for the first thread; the others run at the same time."""
        return not self._thread

    def all(self) -> contextlib.AbstractContextManager[None]:
        """A context in which launches go to the team."""
        return spread_to(self)

    def carry_out(self, part: Callable[[Loop], None], loop: Loop) -> None:
        """Runs (or records) a part of a frame by one thread."""
        with self.all():
            part(loop)

    def capture(self, part: Callable[[Loop], None]) -> Callable[[], None]:
        """Captures a part of a frame; the result replays it."""
        mine, *others = [self._captured(part, thread) for thread in range(self._threads)]
        crew = self._crew  # not through self: a cycle would keep the memory of a deleted solver

        def replay() -> None:
            running = [crew.threads().submit(other) for other in others]
            mine()
            for other in running:
                other.result()

        return replay

    def _captured(self, part: Callable[[Loop], None], thread: int) -> Callable[[], None]:
        self._thread = thread
        try:
            with self.all():
                return capture_frame(lambda loop: part(functools.partial(self._loop, loop)), self._device)
        finally:
            self._thread = None

    def _loop(self, loop: Loop, condition: wp.array, body: Callable[[], None]) -> None:
        """``loop`` for all threads. No launch may change the condition before all of them have looked at it."""

        def once() -> None:
            self._meet()
            body()

        loop(condition, once)
        self._meet()

    def _meet(self) -> None:
        if self._thread is not None:
            with spread_to(None):
                launch(kernels.meet, 1, [self._threads, self._gate], self._device)

    def compile(self, run: Callable[[], None]) -> None:
        """Compiles and loads what ``run`` launches; runs nothing."""
        load([kernels.meet, *map(self.kernel, kernels_of(noted(run)))], self._device)

    def kernel(self, kernel: wp.Kernel) -> wp.Kernel:
        """The kernel that is launched in a kernel's place."""
        return over_span(kernel) if len(place_of(kernel)) < 3 else kernel

    def each(self, function: Callable[[], None]) -> None:
        """Runs (or records) a function whose launches are not shared."""
        if self.first_thread:
            with spread_to(None):
                function()
        self._meet()

    def forget(self, but: wp.array) -> None:
        """Nothing is kept of any array."""

    def launch(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> None:
        """Launches this thread's share of the blocks (``hpsolver.kernels.building.Spread``)."""
        self._launch(kernel, blocks, inputs, launch)

    def launch_threads(self, kernel: wp.Kernel, threads: Threads, inputs: Sequence[object]) -> None:
        """Launches this thread's share of a kernel's threads."""
        self._launch(kernel, threads, inputs, launch_threads)

    def record(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> Recorded:
        """A launch by one thread, kept for repetition."""
        with spread_to(None):
            ours = record(self.kernel(kernel), blocks, [0, *inputs], self._device)
        return Recorded(ours.command, range(1, 1 + len(inputs)))

    def _launch(self, kernel: wp.Kernel, count: Threads, inputs: Sequence[object], way: Way) -> None:
        ours = self.kernel(kernel)
        with spread_to(None):
            if ours is kernel:
                if self.first_thread:
                    way(kernel, count, inputs, self._device)
            else:
                begin, end = self._share(kernel, count)
                if begin < end:
                    way(ours, end - begin, [begin, *inputs], self._device)
        self._meet()

    def _share(self, kernel: wp.Kernel, count: int) -> tuple[int, int]:
        """The range of this thread's blocks of a launch of ``count``."""
        if self._thread is None or count < self._threads or kernel_name(kernel) in ALONE:
            return (0, count) if self.first_thread else (0, 0)
        return self._thread * count // self._threads, (self._thread + 1) * count // self._threads


class _Crew:
    """The threads of a team besides the caller's; in a process that was forked they are new ones."""

    def __init__(self, count: int):
        self._count, self._process = count, -1

    def threads(self) -> ThreadPoolExecutor:
        if self._process != os.getpid():
            self._process = os.getpid()
            self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="hpsolver")
        return self._threads
