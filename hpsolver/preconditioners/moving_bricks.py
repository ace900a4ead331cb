"""Bricks of a nested coarse space in moving fluid: their constants, found on the device."""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.kernels.building import launch
from hpsolver.kernels.constants import brick_constants, enclosed
from hpsolver.moving import MovingFluid
from hpsolver.system import System

from .coarse_matrix import CoarseMatrix


class MovingBricks:
    """The constant of each brick, and which bricks enclose a singular region (``hpsolver.kernels.constants``).

    Args:
        fluid: ``System.moving``.
        R, R2: functions of a node and of a brick.
        brick_of: [leaves] the brick of each leaf of the grid.
        smooth: [functions, nodes of a brick] Haar functions of a brick's nodes, for the start functions.
    """

    def __init__(self, system: System, fluid: MovingFluid, R: int, R2: int, brick_of: np.ndarray, smooth: np.ndarray):
        device = system.device
        self._fluid, self._device, self._leaves = fluid, device, system.leaves
        self._brick_of = wp.array(brick_of, dtype=wp.int32, device=device)
        self._crosses = system.zeros(system.size, wp.uint8)
        self._functions = len(smooth)
        self._smooth = wp.array(np.repeat(smooth, R, axis=1).ravel(), dtype=wp.float32, device=device)
        self._constants, self._enclosed = brick_constants(system.grid.dimension, R, R2), enclosed(system.shape)

    def update(
        self,
        nodes: wp.array,
        matrix: CoarseMatrix,
        upper: CoarseMatrix,
        weight: wp.array,
        start: wp.array,
        closed: wp.array,
    ) -> None:
        """Records: ``weight`` and ``start`` functions of bricks, ``cells`` of ``upper``, and ``closed`` [bricks]."""
        bricks, fluid = upper.lattice.leaves, self._fluid
        inputs = [self._functions, nodes, matrix.cells, self._smooth, weight, start, upper.cells]
        launch(self._constants, bricks, inputs, self._device)
        found = [self._brick_of, fluid.only, fluid.region, fluid.pieces, self._crosses, closed]
        for kernel in (self._enclosed.begin, self._enclosed.cross, self._enclosed.close):
            launch(kernel, self._leaves, [bricks, *found], self._device)
