"""Fluid whose solids, free surface or faces may change every frame: its connectivity is found on the device."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
import warp as wp

from hpsolver.kernels.assembly import UNUSABLE
from hpsolver.kernels.building import launch, table
from hpsolver.kernels.connectivity import connectivity, means

if TYPE_CHECKING:
    from .system import System


class MovingFluid:
    """What changes from frame to frame, and the regions found from it (``hpsolver.kernels.connectivity``).

    Args:
        shares: faces have shares of their own (``Solver.step``: ``fraction``, or coefficients of faces).

    Attributes:
        inside: [N] uint8, 1 for cells of the grid, 0 for padding.
        resting: [N] uint8, cells that are solid in every frame, and padding.
        kinds, phi: [N], see ``hpsolver.kernels.assembly``.
        shares: [directions * N] fp64, or a dummy; ``share_of``: its part [N] for each direction.
        region, label, parent, pieces, pinned: [N]; piece_count, only: [leaves]; see ``hpsolver.kernels.connectivity``.
        mean, size: [N], at the root cell of each singular region the mean of its last right-hand side, and its cells.
    """

    def __init__(self, system: System, resting: np.ndarray, shares: bool):
        N, leaves = system.size, system.leaves
        self._system: System = weakref.proxy(system)  # the system owns this: a cycle would keep its memory
        self.inside = system.on_device((system.bricks.cell >= 0).astype(np.uint8))
        self.resting = table(wp.array(resting, dtype=wp.uint8, device=system.device))
        self.kinds = wp.array(1 - resting, dtype=wp.uint8, device=system.device)
        self.phi = wp.full(N, -1.0, dtype=wp.float64, device=system.device)
        self.shares = wp.ones(system.bricks.directions * N if shares else 1, dtype=wp.float64, device=system.device)
        self.share_of = [self.shares[d * N : (d + 1) * N] for d in range(system.bricks.directions * shares)]
        self.label, self.parent, self.size, self.region = (system.zeros(N, wp.int32) for _ in range(4))
        self.linked, self.leaks, self.pieces, self.pinned = (system.zeros(N, wp.uint8) for _ in range(4))
        self.piece_count, self.only = (system.zeros(leaves, wp.int32) for _ in range(2))
        self._shift, self.mean, self._pressure_mean = (system.zeros(N, wp.float64) for _ in range(3))
        self._sum = system.zeros(N, wp.int64)
        self._spread = system.zeros(system.slots, wp.float64)
        self._find, self._means = connectivity(system.shape), means(system.shape)

    def find(self) -> None:
        """Records, after the assembly: finds the connected regions."""
        system, leaves, only = self._system, self._system.leaves, self.only
        forest = [self.label, self.parent, self.linked, self.leaks]
        operator = [system.used, system.fluid, system.conductance, system.leak]
        graph = [system.neighbor, system.side, system.used]
        found = [self.region, self.pieces, self.piece_count, self.pinned]
        for kernel, inputs in (
            (self._find.pieces, [*operator, *forest, self.size, only]),
            (self._find.links, [*graph, system.conductance, *forest]),
            (self._find.roots, forest),
            (self._find.regions, [system.used, *forest, self.size, only, *found]),
        ):
            launch(kernel, leaves, [leaves, *inputs], system.device)

    def project_rhs(self, rhs: wp.array) -> None:
        """Records: takes out of rhs its mean over each singular region."""
        self._subtract_means(rhs, self.mean)

    def project_pressure(self, x: wp.array) -> None:
        """Records: the same for a pressure."""
        self._subtract_means(x, self._pressure_mean)

    def _subtract_means(self, vector: wp.array, mean: wp.array) -> None:
        slots, leaves, device = self._system.slots, self._system.leaves, self._system.device
        inputs = [slots, leaves, vector, self.region, self.only, self._shift, self._sum, self._spread]
        launch(self._means.spread, slots, inputs, device)
        launch(self._means.sums, leaves, inputs, device)
        launch(self._means.subtract, slots, [*inputs, self.size, mean], device)

    def unusable(self, largest_share: float) -> np.ndarray:
        """[N] bool: cells whose signed distance is not a number, or with a share out of range; waits for the device."""
        bad: np.ndarray = self.kinds.numpy() == UNUSABLE
        if self.share_of:
            shares = self.shares.numpy().reshape(-1, len(bad))
            bad |= ~((shares >= 0.0) & (shares <= largest_share)).all(axis=0)
        return bad

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """([regions] means that ``project_rhs`` took last, [regions] numbers of cells); waits for the device."""
        region = self.region.numpy()
        roots = np.flatnonzero(region == np.arange(len(region)))
        return self.mean.numpy()[roots], self.size.numpy()[roots].astype(np.float64)
