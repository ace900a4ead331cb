"""The reports of a solver's frames, read when somebody asks, and kept until the next frame."""

from __future__ import annotations

from typing import cast

import numpy as np
import warp as wp

from hpsolver.kernels import state as S

from .diagnosis import report, residuals
from .info import Status, StepInfo, WorldsInfo
from .pcg import ConjugateGradients
from .stopwatch import Stopwatch
from .worlds import Worlds


class Reports:
    """What the last frame left on the device, as ``StepInfo`` or, for many worlds, ``WorldsInfo``.

    Args:
        pressure: [N] fp64, the frame's result before it is rounded.
        names: the preconditioner's and its fallback's.
        many: the worlds; None: there is only one.
    """

    def __init__(
        self,
        pcg: ConjugateGradients,
        pressure: wp.array,
        names: tuple[str, str],
        stopwatch: Stopwatch,
        many: Worlds | None,
    ):
        self._pcg, self._pressure, self._names = pcg, pressure, names
        self._stopwatch, self._many = stopwatch, many
        self._last: StepInfo | None = None
        self._number = 0

    def forget(self) -> None:
        """Forgets the report, since another frame has been solved."""
        self._last = None
        self.close()

    def close(self) -> None:
        """To be called before the device's arrays change: the report at hand stays, those of single worlds are gone."""
        self._number += 1

    def last(self, rounded: bool, anew: bool) -> StepInfo:
        """The last frame's report; ``anew``: read again even if there is one, as the frame may have been replayed."""
        if self._last is None or anew:
            self.close()
            self._last = self.read(rounded)
        return self._last

    def read(self, rounded: bool) -> StepInfo:
        """Reads the report; waits for the device. ``rounded``: the pressure was returned in single precision."""
        if self._many:
            return cast(StepInfo, self._of_worlds(self._many, rounded))  # see Solver.info
        return self._of_one(rounded)

    def converged(self) -> bool:
        """Whether the last frame converged, in every world: less to read than a report. Waits for the device."""
        counter = self._pcg.counter
        counters = (self._many.array(counter) if self._many else counter).numpy()
        return bool(np.all(counters[..., S.STATUS] == Status.CONVERGED))

    def _of_one(self, rounded: bool) -> StepInfo:
        residual = self._pcg.round(self._pressure) if rounded else None
        return report(self._pcg, residual, self._names, self._stopwatch.read())

    def _of_worlds(self, many: Worlds, rounded: bool) -> WorldsInfo:
        counters, scalars = many.array(self._pcg.counter).numpy(), many.array(self._pcg.state).numpy()
        fallback, number = counters[:, S.FALLBACK] != 0, self._number

        def one(world: int) -> StepInfo:
            if number != self._number:
                raise RuntimeError(f"world {world}: its report went with a later step; read it before")
            many.show(world)
            return self._of_one(rounded)

        return WorldsInfo(
            status=counters[:, S.STATUS].copy(),
            iterations=counters[:, S.ITERATION].copy(),
            residual=residuals(counters, scalars),
            preconditioner=np.where(fallback, self._names[1], self._names[0]),
            fallback=fallback,
            timings=self._stopwatch.read(),
            one=one,
        )
