"""Warp's own preconditioner, a factorized sparse approximate inverse, renewed every frame."""

from __future__ import annotations

import numpy as np
import warp as wp
import warp.sparse as sparse
from warp.optim import linear

from hpsolver.kernels import fsai as kernels
from hpsolver.kernels.building import in_each_world, launch

from .base import Preconditioner
from .options import is_integer

MAX_ROW_SIZE = 64
"""What ``warp.optim.linear.FSAI`` allows."""


class FSAI(Preconditioner):
    """M = G^T G with G lower triangular and sparse, by ``warp.optim.linear.FSAI`` (Warp >= 1.19).

    Row i of G, on its support S (i and cells before it): A[S, S] g = e_i, scaled so that (G A G^T)_ii = 1 (Kolotilina
    and Yeremin, SIAM J. Matrix Anal. Appl. 14, 1993). Rows are independent, and M is symmetric positive definite
    whatever the supports are.

    The supports are chosen once, for constant density with the same walls, solids and spacing: the rest of the frame's
    update is then free of host reads and can be captured. On frames whose phases move, this costs 0 to 4 % more
    iterations than choosing them anew for each frame; supports chosen for some earlier frame cost up to 30 % more.

    A region without open sides makes A singular, which matters only for supports that hold the whole region: their last
    cells are left out when the supports are chosen (Warp's ``pivot_floor``, 1e-12 of the diagonal). A pivot that falls
    below this floor in a later frame is raised to it; a row that is not finite becomes D^-1/2 (``repaired_rows``). A
    cell that is its own neighbour (a periodic axis of one cell) keeps only its diagonal, which makes M smaller.

    Factors are computed in double precision, kept in the preconditioner's type, applied in the Krylov vectors' type.

    Args:
        row_size: most entries in a row of G, 1 (Jacobi) to 64.

    Raises:
        ValueError: ``row_size`` is not in this range.
    """

    name = "fsai"
    fallback = None
    launches = 2
    launches_alone = True
    spreads = True

    def __init__(self, row_size: int = 8):
        if not is_integer(row_size) or not 1 <= row_size <= MAX_ROW_SIZE:
            raise ValueError(f"row_size must be an integer from 1 to {MAX_ROW_SIZE}, got {row_size!r}")
        self.row_size = int(row_size)

    def allocate(self) -> None:
        system = self.system
        T, M = system.krylov_type, system.preconditioner_type
        self._fill, self._products = kernels.fill(system.shape), kernels.products(T, M)
        self._product = system.zeros(system.size, T)
        density = wp.clone(system.density)
        system.density.fill_(1.0)
        system.assemble()
        self._matrix, self._place = self._pattern()
        self._refill()
        self.inverse = linear.FSAI(
            self._matrix,
            self.row_size,
            kap_tolerance=0.0,
            factor_dtype=M,
            reuse_pattern=True,
            regularize_refit=True,
            validate_topology=False,
        )
        system.density.assign(density)
        system.assemble()

    def _pattern(self) -> tuple[sparse.BsrMatrix, wp.array]:
        """A's entries in brick order, sorted by row, and where each face and diagonal is among them (-1: nowhere)."""
        system = self.system
        N = system.size
        rows, across = np.arange(N), system.across()
        linked = (system.conductance.numpy().reshape(-1, N) != 0.0) & (across != rows)
        code = np.concatenate([(rows * N + across)[linked], rows * (N + 1)])
        entries, number = np.unique(code, return_inverse=True)
        place = np.full((len(across) + 1, N), -1, dtype=np.int32)
        place[:-1][linked] = number[:-N]
        place[-1] = number[-N:]
        lists = [wp.array(part, dtype=wp.int32, device=system.device) for part in np.divmod(entries, N)]
        ones = wp.ones(len(entries), dtype=wp.float64, device=system.device)
        matrix = sparse.bsr_from_triplets(N, N, *lists, ones, prune_numerical_zeros=False)
        return matrix, wp.array(place.ravel(), dtype=wp.int32, device=system.device)

    def _refill(self) -> None:
        system = self.system
        inputs = [system.slots, system.size, self._place, system.conductance, system.diagonal, self._matrix.values]
        launch(self._fill, system.slots, inputs, system.device)

    def update(self) -> None:
        self._refill()
        in_each_world(self.inverse.update)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        G, GT = self.inverse.G, self.inverse.GT
        self._multiply(self._products.multiply, G, r, self._product)
        self._multiply(self._products.multiply_dot, GT, self._product, z, r, rz)

    def _multiply(self, kernel: wp.Kernel, matrix: sparse.BsrMatrix, *vectors: wp.array) -> None:
        system = self.system
        inputs = [system.slots, system.size, matrix.offsets, matrix.columns, matrix.values, *vectors]
        launch(kernel, system.slots, inputs, system.device)

    @property
    def repaired_rows(self) -> int:
        """Rows of G whose local matrix the last frame left unusable; reading it waits for the device."""
        _, _, failed, regularized = self.inverse.update_status.numpy()
        return int(failed + regularized)
