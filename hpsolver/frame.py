"""One solver's frame, from a density in brick order to a pressure: run once as it is, then captured and replayed."""

from __future__ import annotations

from collections.abc import Callable

import warp as wp

from hpsolver.kernels.building import compile_built

from .capture import capture_frame
from .pcg import ConjugateGradients, Loop
from .preconditioners import Preconditioner
from .stopwatch import Stopwatch
from .system import System


class Frame:
    """What a frame does, in order: assembly, preconditioner, PCG.

    Attributes:
        graph: replays the frame, None before the first one. A preconditioner that predicts on the host cuts it in two.
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
    ):
        self._system, self._preconditioner, self._fallback = system, preconditioner, fallback
        self._pcg, self._pressure, self._stopwatch, self._warm_start = pcg, pressure, stopwatch, warm_start
        self.graph: Callable[[], None] | None = None

    def run(self) -> None:
        """Solves the frame that is in the system's buffers."""
        if self.graph is None:
            self._load()
            self.record(wp.capture_while)  # eagerly, since this frame's answer is due
            self.graph = self.capture()
        else:
            self.graph()

    def record(self, loop: Loop) -> None:
        """Records the frame while capturing, and runs it otherwise."""
        self._begin(loop)
        if not self._preconditioner.graph_safe:
            self._preconditioner.predict()
        self._finish(loop)

    def capture(self) -> Callable[[], None]:
        """Captures the frame; the result replays it."""
        device = self._system.device
        if self._preconditioner.graph_safe:
            return capture_frame(self.record, device)
        begin, finish = capture_frame(self._begin, device), capture_frame(self._finish, device)
        predict = self._preconditioner.predict  # not through self: a cycle would keep the memory of a deleted solver

        def replay() -> None:
            begin()
            predict()
            finish()

        return replay

    def _load(self) -> None:
        """Compiles and loads every kernel that a frame may need, before it is captured."""
        compile_built(self._system.device)
        self._system.assemble()
        if self._preconditioner.graph_safe:
            self._pcg.load(self._preconditioner)
        if self._fallback:
            self._pcg.load(self._fallback)

    def _begin(self, loop: Loop) -> None:
        system = self._system
        self._stopwatch.mark(0)
        system.assemble()
        system.project_rhs()
        if self._warm_start and system.moving:
            system.confine(self._pressure)

    def _finish(self, loop: Loop) -> None:
        pcg, mark = self._pcg, self._stopwatch.mark
        pcg.renew(self._preconditioner, self._fallback, loop)
        mark(1)
        pcg.begin(self._pressure, self._warm_start)
        pcg.solve(self._preconditioner, self._fallback, loop)
        pcg.finish(self._pressure, self._warm_start)
        mark(2)
