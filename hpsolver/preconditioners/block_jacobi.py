"""Exact solves on leaves and nothing else."""

from __future__ import annotations

import warp as wp

from hpsolver.kernels.building import launch
from hpsolver.kernels.coarse import transfer
from hpsolver.kernels.leaves import NO_COARSE

from .base import Preconditioner
from .leaves import CoarseArrays, Leaves
from .options import check_flag_or_none


class BlockJacobi(Preconditioner):
    """M = blkdiag(A_ii^-1): the near field alone. Its iterations grow with the grid.

    Args:
        leaf_size: cells of a leaf, 64 or 128.
        dense: solve leaves by dense inverses of their planes (None: on a GPU) instead of banded factors (on a CPU).

    Raises:
        TypeError: ``dense`` is not None, True or False.
        ValueError: when bound, ``leaf_size`` is neither 64 nor 128.
    """

    name = "block_jacobi"
    fallback = None
    launches = 2
    spreads = True

    def __init__(self, leaf_size: int = 128, *, dense: bool | None = None):
        check_flag_or_none("dense", dense)
        self.leaf_size = leaf_size
        self._dense = dense

    def allocate(self) -> None:
        system = self.system
        M = system.preconditioner_type
        self._leaves = Leaves(system, colored=False, mode=NO_COARSE, R=1, dense=self._dense)
        nothing = system.zeros(system.leaves, M)
        self._nothing = system.zeros(system.leaves, wp.float64)
        self._coarse = CoarseArrays(system.zeros(system.size, M), nothing, self._nothing)
        self._kernels = transfer(system.shape, system.krylov_type, M, 1)

    def update(self) -> None:
        self._leaves.find_changes()
        self._leaves.update()

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system = self.system
        self._leaves.solve(r, self._coarse)
        inputs = [system.slots, system.leaves, self._coarse.basis, self._leaves.y, self._nothing, r, z, rz]
        launch(self._kernels.prolong, system.slots, inputs, system.device)
