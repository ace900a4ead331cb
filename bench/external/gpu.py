"""What the GPU libraries' adapters share: they need a CUDA device, and CuPy holds their arrays."""

from __future__ import annotations

import importlib

import numpy as np
import warp as wp

from bench.harness.rival import Rival


class GpuRival(Rival):
    """A rival whose frames lie on the GPU before the clock starts, and whose pressure stays there."""

    device = "cuda"

    def available(self) -> str | None:
        reason = super().available()
        if reason is None and not wp.is_cuda_available():
            return "no CUDA device"
        return reason

    @property
    def version(self) -> str:
        module = importlib.import_module(self.module)
        return getattr(module, "__version__", "unknown")

    @property
    def cupy(self):
        return importlib.import_module("cupy")

    def adopt(self, array: np.ndarray) -> object:
        return self.cupy.asarray(array)

    def fetch(self, pressure: object) -> np.ndarray:
        return self.cupy.asnumpy(pressure)

    def wait(self) -> None:
        self.cupy.cuda.get_current_stream().synchronize()
