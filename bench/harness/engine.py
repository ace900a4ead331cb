"""Our preconditioners as rivals, each through the same solver."""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver import Solver, preconditioners
from hpsolver.preconditioners import Preconditioner

from .rival import Rival


class Engine(Rival):
    """``hpsolver.Solver`` with one preconditioner.

    On the CPU it is called as a user would, NumPy in and NumPy out. On a GPU the frame's arrays are on the device
    before the clock starts and the pressure stays there.

    Args:
        name: as in tables, and as in the registry unless ``preconditioner`` is given.
        preconditioner: one with other options than the registry's.
        device: Warp device.
        precision: of the solver, ``mixed``, ``float64`` or ``float32``.
    """

    package, module = "hpsolver", "hpsolver"

    def __init__(
        self, name: str, preconditioner: Preconditioner | None = None, device: str = "cpu", precision: str = "mixed"
    ):
        self.name = name
        self.preconditioner = preconditioner or name
        self.device, self.precision = device, precision
        self.settings = {"precision": precision, "device": device}

    def available(self) -> str | None:
        return preconditioners.available()[self.name] if self.preconditioner == self.name else None

    def prepare(self, shape: tuple[int, ...], tolerance: float, max_iterations: int) -> None:
        self.solver = Solver(
            shape,
            preconditioner=self.preconditioner,
            tolerance=tolerance,
            max_iterations=max_iterations,
            precision=self.precision,
            device=self.device,
        )
        self._on_gpu = self.solver.device.is_cuda
        zeros = np.zeros(shape)
        self._pressure = wp.array(zeros, dtype=wp.float64, device=self.device) if self._on_gpu else zeros

    def adopt(self, array: np.ndarray) -> object:
        return wp.array(array, dtype=wp.float64, device=self.device) if self._on_gpu else array

    def setup(self, density: object) -> None:
        self._density = density

    def solve(self, rhs: object) -> object:
        self.solver.step(self._density, rhs, out=self._pressure)
        if self._on_gpu:
            wp.synchronize_device(self.device)
        return self._pressure

    def fetch(self, pressure: object) -> np.ndarray:
        if not self.solver.preconditioner.positive:  # it may break down
            self.solver._let_it_begin()
        return pressure.numpy() if self._on_gpu else pressure

    @property
    def iterations(self) -> int:
        return self.solver.info.iterations

    @property
    def remark(self) -> str | None:
        info = self.solver.info
        words = [] if info.converged else [info.status.name.lower()]
        return "; ".join(words + ["fallback"] * info.fallback) or None

    def phases(self) -> dict[str, float]:
        return self.solver.info.timings
