"""Preconditioned conjugate gradients on the device, as kernels to be captured.

The frame is two nested loops, both with their test on the device. The inner one is PCG on the recurrence residual. The
outer one recomputes the TRUE residual b - A x in double precision, which alone decides on convergence. If the
recurrence was too optimistic, it starts another cycle of PCG from the true residual, until that no longer helps.
Preconditioning by deflation (A-DEF2; Tang, Nabben, Vuik, Erlangga, J. Sci. Comput. 39, 2009) needs a start vector for
each cycle, which the preconditioner adds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import warp as wp

from hpsolver.kernels import control, iterate, rescue
from hpsolver.kernels import state as S
from hpsolver.kernels.building import launch, launch_threads
from hpsolver.kernels.krylov import krylov

from .preconditioners.base import Preconditioner
from .programs import Program, Programs
from .system import System

Loop = Callable[[wp.array, Callable[[], None]], None]
"""A function like ``wp.capture_while``: runs or records a body while the int32 condition on the device is not zero."""

CYCLE_REDUCTION = {wp.float32: 1e-3, wp.float64: 1e-13}
"""Factor by which one cycle may reduce the recurrence residual before the true one is checked, by Krylov type."""

NORMS = ("l2", "max")
"""Norms that a tolerance may be in: the 2-norm of the residual over the fluid, or its largest entry."""

DOUBTFUL_PAUSE = 64
"""Frames that begin with the fallback, if the preconditioner is doubtful (``Preconditioner.doubtful``)."""

WORTH_SHARING = 200
"""Fewest ``max_iterations`` that are shared between a preconditioner and its fallback."""


def first_limit(max_iterations: int, preconditioner: Preconditioner, fallback: Preconditioner | None) -> int:
    """Iterations after which a preconditioner counts as too slow, and its (bound) fallback is tried.

    These are its ``patience``, at most half of ``max_iterations``. They are all iterations if the fallback is a
    diagonal, which would not be faster, or if there are too few to share.
    """
    if not remembers(fallback) or max_iterations < WORTH_SHARING:
        return max_iterations
    patience = preconditioner.patience
    return min(max_iterations // 2, patience.iterations if patience else max_iterations)


def early_test(first_limit: int, preconditioner: Preconditioner) -> tuple[int, float]:
    """Iterations after which a preconditioner is given up if it has come less than a share of the way, and that share
    (``Patience``); no iterations: it is not."""
    patience = preconditioner.patience
    return (patience.early, patience.way) if patience and patience.iterations == first_limit else (0, 0.0)


def remembers(fallback: Preconditioner | None) -> bool:
    """Whether frames begin with the fallback for a while after it was needed; not if it is a diagonal."""
    return fallback is not None and fallback.pointwise is None


class ConjugateGradients:
    """The vectors of PCG and the kernels of its loops.

    Args:
        system: the assembled problem.
        tolerance: on the true relative residual.
        max_iterations: the most iterations of one frame.
        first_limit: the most that the chosen preconditioner may use before its fallback takes over.
        early: what ``early_test`` says.
        absolute: tolerance in the caller's units, 0 for none.
        norm: the norm that the tolerances are in, one of ``NORMS``.
        worlds: how many grids run the frame at the same time.

    Attributes:
        x: [N] fp64 iterate, in units where ||b|| = 1; of zero mean over each singular region whenever it is judged.
        state, counter: see ``hpsolver.kernels.state``.
        first, outer, inner, rescue: [1] int32, conditions of the loops: the chosen preconditioner's renewal, more
            cycles, more iterations, the fallback.
    """

    def __init__(
        self,
        system: System,
        tolerance: float,
        max_iterations: int,
        first_limit: int,
        early: tuple[int, float] = (0, 0.0),
        absolute: float = 0.0,
        norm: str = "l2",
        worlds: int = 1,
    ):
        self.system, self._by_largest = system, int(norm == "max")
        T, N = system.krylov_type, system.size
        self._kernels = krylov(system.shape, T)
        self.r, self.z, self.p_even, self.p_odd, self.q = (system.zeros(N, T) for _ in range(5))
        self.x, self.x_best = system.zeros(N, wp.float64), system.zeros(N, wp.float64)
        self._pq, self._rr, self._terms, self._largest = (system.zeros(system.slots, wp.float64) for _ in range(4))
        self._rz = system.zeros(max(system.slots, system.leaves), wp.float64)
        state = np.zeros(S.STATE_SIZE)
        state[S.RELATIVE], state[S.ABSOLUTE] = tolerance, absolute
        state[S.REDUCTION] = CYCLE_REDUCTION[T] ** 2
        counter = np.zeros(S.COUNTER_SIZE, dtype=np.int32)
        counter[S.MAX_ITERATIONS], counter[S.FIRST_LIMIT] = max_iterations, first_limit
        counter[S.EARLY], state[S.WAY] = early
        self.state = wp.array(state, dtype=wp.float64, device=system.device)
        self.counter = wp.array(counter, dtype=wp.int32, device=system.device)
        self.first, self.outer, self.inner, self.rescue = (system.zeros(1, wp.int32) for _ in range(4))
        self._programs = Programs(worlds)

    def begin(self, pressure: wp.array, warm_start: bool) -> None:
        """Records: judges the inputs, scales b to norm 1, sets x."""
        system = self.system
        inputs = [system.slots, system.leaves, system.rhs, system.rhs, self._rr]
        launch(krylov(system.shape, wp.float64).dot, system.slots, inputs, system.device)
        self._measure(system.rhs)
        scalars = [self.state, self.counter, self.outer, self.inner, self.rescue]
        inputs = [self._rr, system.bad_cells, self._largest, self._by_largest, system.slots, *scalars]
        launch(control.begin, 1, inputs, system.device)
        inputs = [system.slots, system.size, self.state, int(warm_start), pressure, system.rhs, self.x, self.x_best]
        launch(iterate.prepare, system.slots, inputs, system.device)
        if warm_start:
            system.project_pressure(self.x)  # the solid mask may have changed
            self._residual()
            self._check()
        else:
            inputs = [system.slots, system.leaves, system.rhs, self.r, self._rr, self._terms]
            launch(self._kernels.from_zero, system.slots, inputs, system.device)
            self._judge()

    def renew(self, preconditioner: Preconditioner, fallback: Preconditioner | None, loop: Loop) -> None:
        """Records, before ``begin``: the preconditioner's update, unless it pauses and the fallback begins."""
        if not remembers(fallback):
            preconditioner.update()
            return
        launch_threads(rescue.choose, 1, [self.counter, self.first], self.system.device)
        update = functools.partial(self._update, preconditioner)
        self._programs.repeat(preconditioner, "update", self.first, update, loop)

    def solve(self, preconditioner: Preconditioner, fallback: Preconditioner | None, loop: Loop) -> None:
        """Records: cycles of PCG until the true residual is judged good or hopeless; if the preconditioner failed, or
        pauses, the fallback's update and cycles from the best iterate."""
        device = self.system.device
        if remembers(fallback):
            launch_threads(rescue.pass_on, 1, [self.counter, self.outer, self.rescue], device)
        self._cycles(preconditioner, loop)
        if fallback is not None:
            inputs = [self.state, self.counter, self.rescue, int(remembers(fallback))]
            launch_threads(rescue.arm_fallback, 1, inputs, device)
            loop(self.rescue, lambda: self._rescue(fallback, loop))

    def forget(self, preconditioner: Preconditioner, fallback: Preconditioner | None) -> None:
        """Lets the chosen preconditioner begin the next frame, or, if it is ``doubtful``, its fallback the next few.
        They may have been bound anew."""
        self._programs.forget()
        counter, doubtful = self.counter.numpy(), preconditioner.doubtful and remembers(fallback)
        counter[S.PAUSE] = counter[S.LAST_PAUSE] = DOUBTFUL_PAUSE if doubtful else 0
        self.counter.assign(counter)

    def _rescue(self, fallback: Preconditioner, loop: Loop) -> None:
        inputs = [self.state, self.counter, self.outer, self.rescue]
        launch_threads(rescue.start_fallback, 1, inputs, self.system.device)
        # Where there is no fluid the fallback may write nothing, and the failed one may have left NaN.
        launch_threads(iterate.clear, self.system.size, [self.z], self.system.device)
        fallback.update()
        self._residual()
        self._check()
        self._cycles(fallback, loop)

    def finish(self, pressure: wp.array, warm_start: bool) -> None:
        """Records: pressure [N] in the caller's units."""
        system = self.system
        inputs = [system.slots, system.size, self.state, self.counter, int(warm_start), self.x, pressure]
        launch(iterate.finish, system.slots, inputs, system.device)

    def load(self, preconditioner: Preconditioner) -> None:
        """Runs once what a rescue records, on whatever data is there, since a capture needs its kernels loaded."""
        self._rescue(preconditioner, lambda condition, body: body())
        device = self.system.device
        launch_threads(iterate.clear, self.system.size, [self.z], device)  # without fluid it may write nothing
        launch_threads(control.no_frame, 1, [self.counter], device)

    def round(self, pressure: wp.array) -> wp.array:
        """[1] ||b - A p||^2 / ||b||^2 of the last frame's pressure [N] as single precision keeps it."""
        system, total = self.system, self.system.zeros(1, wp.float64)
        inputs = [self.state, pressure, self.x_best]
        launch_threads(iterate.rounded, system.size, inputs, system.device)
        self._residual(self.x_best)
        launch(control.add_up, 1, [self._rr, system.slots, total], system.device)
        return total

    def keep_programs(self, wanted: Callable[[Program], bool]) -> None:
        """Keeps the loops as one kernel that are wanted; the others stay loops."""
        self._programs.keep(wanted)

    def parts_in_one_kernel(self) -> list[str]:
        """``PRECONDITIONER PART`` for each loop that is one kernel."""
        return self._programs.names()

    def _update(self, preconditioner: Preconditioner, loop: Loop) -> None:
        preconditioner.update()
        # The loop runs once. This comes last: in a program the first phase must not write the condition.
        launch_threads(iterate.clear, 1, [self.first], self.system.device)

    def _cycles(self, preconditioner: Preconditioner, loop: Loop) -> None:
        cycle = functools.partial(self._cycle, preconditioner)
        self._programs.repeat(preconditioner, "solve", self.outer, cycle, loop)

    def _cycle(self, preconditioner: Preconditioner, loop: Loop) -> None:
        if preconditioner.starts:
            preconditioner.start(self.r, self.x)
            self._residual()
        preconditioner.apply(self.r, self.z, self._rz)
        inputs = [self._rz, preconditioner.products, self.state, self.counter, self.inner]
        launch(control.restart, 1, inputs, self.system.device)
        loop(self.inner, lambda: self.iterate(preconditioner))
        self.system.project_pressure(self.x)  # now, so that what is judged is what is returned
        self._residual()
        self._check()

    def iterate(self, preconditioner: Preconditioner) -> None:
        """Records one iteration: three kernels and those of ``preconditioner.apply``, or three for a diagonal."""
        system, kernels, device = self.system, self._kernels, self.system.device
        blocks = [system.slots, system.leaves]
        operator = [system.neighbor, system.used, system.krylov_conductance, system.krylov_diagonal]
        scalars, directions = [self.state, self.counter], [self.p_even, self.p_odd, self.q]
        inputs = [*blocks, *scalars, *operator, self.z, *directions, self._pq]
        launch(kernels.direction, system.slots, inputs, device)
        inputs = [*blocks, *scalars, self.inner, self._pq, *directions, self.x, self.r, self._rr]
        if preconditioner.pointwise is None:
            launch(kernels.advance, system.slots, inputs, device)
            preconditioner.apply(self.r, self.z, self._rz)
        else:
            inputs += [preconditioner.pointwise, self.z, self._rz]
            launch(kernels.advance_scaled, system.slots, inputs, device)
        sums = [self._pq, self._rr, system.slots, self._rz, preconditioner.products]
        launch(control.step, 1, [*sums, self.state, self.counter, self.inner], device)

    def _residual(self, x: wp.array | None = None) -> None:
        system = self.system
        operator = [system.neighbor, system.used, system.conductance, system.diagonal]
        vectors = [system.rhs, self.x if x is None else x, self.r]
        inputs = [system.slots, system.leaves, *operator, *vectors, self._rr, self._terms]
        launch(self._kernels.residual, system.slots, inputs, system.device)

    def _measure(self, vector: wp.array) -> None:
        if self._by_largest:
            system = self.system
            kernel = krylov(system.shape, vector.dtype).largest
            launch(kernel, system.slots, [system.slots, system.leaves, vector, self._largest], system.device)

    def _check(self) -> None:
        system = self.system
        self._judge()
        inputs = [system.slots, system.size, self.counter, self.x, self.x_best]
        launch(iterate.keep_best, system.slots, inputs, system.device)

    def _judge(self) -> None:
        system = self.system
        self._measure(self.r)
        sums = [self._rr, self._terms, self._largest, self._by_largest]
        inputs = [*sums, system.slots, self.state, self.counter, self.outer]
        launch(control.check, 1, inputs, system.device)
