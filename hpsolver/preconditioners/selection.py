"""Which coarse functions a leaf needs most, chosen frame by frame among candidates.

A coarse space must hold the slow modes, those that a leaf's neighbours do not hold in place. To find them, the
neighbours are eliminated from the leaf's matrix in its C candidate functions, and the leaf keeps what spans, nearly,
the eigenvectors of lowest energy. Each neighbour is eliminated alone, represented by its own candidates, with its faces
to all other leaves closed (``kernels/native/selection/select.h``). Eliminating all other leaves would give the best
possible choice, measured by the trace of what deflation leaves (``hpsolver.network.oracle``). The neighbours alone give
nearly the same choice (``bench/FINDINGS.md``), for one message from each of them. GenEO (Spillane et al. 2014) closes
the leaf's faces instead of eliminating neighbours.

The constants of a leaf are always kept. Whatever is chosen, the preconditioner is symmetric positive definite.
"""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.kernels import selection as kernels
from hpsolver.kernels.building import launch
from hpsolver.kernels.coarse import galerkin
from hpsolver.system import System

from .leaves import Leaves


class Selection:
    """Chooses R of C functions of every leaf.

    Args:
        system: the assembled system.
        leaves: its leaves.
        C: candidates of a leaf, the constants among them.
        R: functions that a leaf keeps.
        constants: [leaves] int32, how many of a leaf's functions are constants; they come first.

    Attributes:
        candidates: [leaves, C, L] functions to choose from, filled by the caller.
        renewed: [leaves] int32, 1 where the choice may differ from the last frame's: the leaf or a neighbour changed.
        worth: [leaves, C] fp64 worth of the candidates' combinations, descending; 1e300 for constants.
    """

    def __init__(self, system: System, leaves: Leaves, C: int, R: int, constants: wp.array):
        bricks, M = system.bricks, system.preconditioner_type
        self._system, self._leaves, self._constants = system, leaves, constants
        if leaves.lists:
            self._listed = wp.empty_like(leaves.by.members)
        else:
            numbers = np.arange(system.leaves, dtype=np.int32)
            bundles = np.pad(numbers, (0, -len(numbers) % kernels.TOGETHER), constant_values=-1)
            self._listed = wp.array(bundles, dtype=wp.int32, device=system.device)
        self._bundles = self._listed.size // kernels.TOGETHER
        faces = system.leaves * bricks.directions
        self.candidates = system.zeros(system.leaves * C * bricks.leaf_size, M)
        self.renewed = system.zeros(system.leaves, wp.int32)
        self._blocks = system.zeros((faces + system.leaves) * C * C, wp.float64)
        self._mass = system.zeros(faces * C * C, wp.float64)
        self._scale = system.zeros(system.leaves * C, wp.float64)
        held = system.device.is_cuda and kernels.HELD >= C
        self._work = system.zeros(1 if held else self._bundles * kernels.TOGETHER * kernels.WORK * C * C, wp.float64)
        self._choice = system.zeros(system.leaves * R * C, wp.float64)
        self._nothing, self._no_faces = system.zeros(1, wp.float64), system.zeros(1, M)
        self._galerkin = galerkin(system.shape, M, C, False, True, False)
        self._kernels = kernels.selection(system.shape, M, C, R)

    def update(self, basis: wp.array) -> None:
        """Records: basis [leaves, R, L], the best of the candidates, best first."""
        system, leaves = self._system, self._leaves
        graph = [system.neighbor, system.side, system.used]
        inputs = [system.leaves, leaves.changed, *graph, system.conductance, system.diagonal, leaves.pinned]
        inputs += [self.candidates, self._blocks, self._mass, self._scale, self._nothing, self._no_faces]
        launch(self._galerkin, system.leaves, inputs, system.device)
        if leaves.lists:
            leaves.list_changed(self._listed, True, self.renewed)
        inputs = [self._listed, leaves.changed, system.neighbor, self._constants, self._blocks, self._mass]
        inputs += [self._work, self.renewed, self._choice]
        launch(self._kernels.select, self._bundles, inputs, system.device)
        inputs = [self.renewed, self._choice, self.candidates, basis]
        launch(self._kernels.combine, system.leaves, inputs, system.device)
