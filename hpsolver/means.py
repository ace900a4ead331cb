"""Means over singular regions that were found on the host (``hpsolver.kernels.regions``)."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
import warp as wp

from hpsolver.kernels import regions as kernels
from hpsolver.kernels.building import launch, launch_threads

from .regions import Regions

if TYPE_CHECKING:
    from .system import System


class RegionMeans:
    """Subtracts means over singular regions from vectors [N]: from the right-hand side, so that the problem is
    solvable, and from the pressure, so that its solution is unique.

    Args:
        label: [N] ``Regions.label`` in brick order; at least one region.
    """

    def __init__(self, system: System, regions: Regions, label: np.ndarray):
        self._system = weakref.proxy(system)  # the system owns this: a cycle would keep its memory
        self._count = regions.count
        lists = {name: system.on_device(values) for name, values in regions.chunks(label).items()}
        self._region, self._cells, self._start = lists["region"], lists["cells"], lists["start"]
        self._first, self._size = lists["first"], lists["size"]
        self._chunk_sum = system.zeros(self._start.size - 1, wp.float64)
        self._mean, self._pressure_mean, self._shift, self._rest = (
            system.zeros(regions.count, wp.float64) for _ in range(4)
        )

    def project_rhs(self, rhs: wp.array) -> None:
        """Records: takes out of rhs its mean over each region."""
        self._subtract(rhs, self._mean)

    def project_pressure(self, x: wp.array) -> None:
        """Records: the same for a pressure."""
        self._subtract(x, self._pressure_mean)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """([regions] means that ``project_rhs`` took last, [regions] numbers of cells); waits for the device."""
        return self._mean.numpy(), self._size.numpy()

    def _subtract(self, vector: wp.array, mean: wp.array) -> None:
        device = self._system.device
        inputs = [vector, self._region, self._cells, self._start, self._first, self._chunk_sum]
        launch(kernels.chunk_sums, self._chunk_sum.size, inputs, device)
        lists = [self._cells, self._start, self._first, self._size]
        inputs = [vector, *lists, self._chunk_sum, self._shift, self._rest, mean]
        launch_threads(kernels.region_means, self._count, inputs, device)
        slots = self._system.slots
        inputs = [slots, vector.size, self._region, self._shift, self._rest, vector]
        launch(kernels.subtract_means, slots, inputs, device)
