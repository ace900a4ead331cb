"""The preconditioners without structure: the identity and the diagonal."""

from __future__ import annotations

import warp as wp

from hpsolver.kernels.building import launch
from hpsolver.kernels.diagonal import reciprocal
from hpsolver.kernels.krylov import krylov

from .base import Preconditioner


class Scaling(Preconditioner):
    """M = diag(pointwise)."""

    launches = 0
    spreads = True
    one_kernel = ("solve",)
    fallback = None
    leaf_size = None

    def allocate(self) -> None:
        system = self.system
        self._scale = krylov(system.shape, system.krylov_type).scale
        self.pointwise = wp.ones(system.size, dtype=system.krylov_type, device=system.device)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system = self.system
        inputs = [system.slots, system.leaves, self.pointwise, r, z, rz]
        launch(self._scale, system.slots, inputs, system.device)


class Identity(Scaling):
    """M = I: plain conjugate gradients."""

    name = "none"

    def update(self) -> None:
        """Nothing to renew."""


class Jacobi(Scaling):
    """M = D^-1, the inverse of A's diagonal."""

    name = "jacobi"

    def update(self) -> None:
        system = self.system
        inputs = [system.slots, system.size, system.krylov_diagonal, self.pointwise]
        launch(reciprocal(system.krylov_type), system.slots, inputs, system.device)
