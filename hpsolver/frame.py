"""A solver's frame, from a density in brick order to a pressure. It is run once, then captured and replayed."""

from __future__ import annotations

import functools
from collections.abc import Callable

import warp as wp

from .capture import capture_frame
from .compiling import load
from .pcg import ConjugateGradients, Loop
from .preconditioners import Preconditioner
from .spreading import Carrier, everywhere, kernels_of, noted, noted_with_loops
from .stopwatch import Stopwatch, set_mark
from .system import System


class Frame:
    """What a frame does, in order: assembly, preconditioner, PCG.

    Args:
        pressure: [N] the array that the pressure is written to.
        renews: whether the frame renews matrix and preconditioner, or takes those at hand.
        carrier: carries out all launches (``hpsolver.spreading``); None: they go to the device.

    Attributes:
        graph: replays the frame; None before the first one. A preconditioner that predicts on the host cuts it in two.
    """

    def __init__(
        self,
        system: System,
        preconditioner: Preconditioner,
        fallback: Preconditioner | None,
        pcg: ConjugateGradients,
        pressure: wp.array,
        stopwatch: Stopwatch,
        warm_start: bool,
        carrier: Carrier | None,
        renews: bool = True,
    ):
        self._system, self._preconditioner, self._fallback = system, preconditioner, fallback
        self._pcg, self._pressure, self._stopwatch, self._warm_start = pcg, pressure, stopwatch, warm_start
        self._carrier, self._renews = carrier, renews
        self._compiled = not renews  # the solver's own frame has been here
        self.graph: Callable[[], None] | None = None

    def run(self) -> None:
        """Solves the frame that is in the system's buffers."""
        if self.graph is None:
            self.compile()
            if self._renews:
                with everywhere(self._carrier):
                    self._rehearse()
            self.record(wp.capture_while)  # runs at once: a capture alone solves nothing
            self.graph = self.capture()
        else:
            self.graph()

    def record(self, loop: Loop) -> None:
        """Records the frame while capturing, and runs it otherwise."""
        if self._is_one_graph:
            self._everywhere(self._begin_and_finish, loop)
        else:
            self._everywhere(self._begin, loop)
            self._predict()
            self._everywhere(self._finish, loop)

    def capture(self) -> Callable[[], None]:
        """Captures the frame; the result replays it."""
        if self._is_one_graph:
            return self._captured(self._begin_and_finish)
        begin, finish = self._captured(self._begin), self._captured(self._finish)
        predict = self._predict  # not through self: a cycle would keep the memory of a deleted solver

        def replay() -> None:
            begin()
            predict()
            finish()

        return replay

    @property
    def _is_one_graph(self) -> bool:
        return self._preconditioner.graph_safe or not self._renews

    @property
    def _predict(self) -> Callable[[], None]:
        predict = self._preconditioner.predict
        return functools.partial(self._carrier.each, predict) if self._carrier else predict

    def _everywhere(self, part: Callable[[Loop], None], loop: Loop) -> None:
        if self._carrier:
            self._carrier.carry_out(part, loop)
        else:
            part(loop)

    def _captured(self, part: Callable[[Loop], None]) -> Callable[[], None]:
        device = self._system.device
        return self._carrier.capture(part) if self._carrier else capture_frame(part, device)

    def compile(self, copies: Callable[[], None] = lambda: None) -> None:
        """Compiles and loads every kernel that a frame may need, before the first one is launched.

        Args:
            copies: launches what brings the frame's arrays in and its pressure out.
        """
        if self._compiled:
            return
        pcg, launched = self._pcg, self._carrier.kernel if self._carrier else lambda kernel: kernel
        try:
            self._compile(copies)
        except Exception:
            if not pcg.parts_in_one_kernel():
                raise
            pcg.keep_programs(lambda program: False)  # one may be too large for the device
            self._compile(copies)
        written = pcg.parts_in_one_kernel()
        pcg.keep_programs(lambda program: program.fits(launched(program.kernel)))
        if pcg.parts_in_one_kernel() != written:
            self._compile(copies)  # the loops that stay
        self._compiled = True

    def _compile(self, copies: Callable[[], None]) -> None:
        def outside_of_loops() -> None:
            copies()
            self._rehearse()

        if self._carrier:
            self._carrier.compile(outside_of_loops)
        else:
            launches = noted(outside_of_loops) + noted_with_loops(self._begin_and_finish)
            load([set_mark, *kernels_of(launches)], self._system.device)

    def _rehearse(self) -> None:
        """Launches, once, what a capture needs loaded, on whatever data is there."""
        self._system.assemble()
        if self._preconditioner.graph_safe or self._carrier:
            self._pcg.load(self._preconditioner)
        if self._fallback:
            self._pcg.load(self._fallback)

    def _begin_and_finish(self, loop: Loop) -> None:
        self._begin(loop)
        self._finish(loop)

    def _begin(self, loop: Loop) -> None:
        system = self._system
        self._mark(0)
        if self._renews:
            system.assemble()
        system.project_rhs()
        if self._warm_start and system.moving:
            system.confine(self._pressure)

    def _finish(self, loop: Loop) -> None:
        pcg, mark = self._pcg, self._mark
        if self._renews:
            pcg.renew(self._preconditioner, self._fallback, loop)
        mark(1)
        pcg.begin(self._pressure, self._warm_start)
        pcg.solve(self._preconditioner, self._fallback, loop)
        pcg.finish(self._pressure, self._warm_start)
        mark(2)

    def _mark(self, which: int) -> None:
        if not self._compiled:  # launches are only noted
            return
        if self._carrier is None or self._carrier.first_thread:
            self._stopwatch.mark(which)
