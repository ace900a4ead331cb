"""Domain-decomposition attention (Koehler and Rheinbach, arXiv 2606.18525) as a preconditioner in 2D and 3D.

    M = Phi Q0 K0^T Phi^T + sum_i R_i^T D_i^1/2 Q_i K_i^T D_i^1/2 R_i

in the paper's notation and its symmetric choice K = Q, so that M is symmetric positive semidefinite. The paper trains
Q and K for one operator; here they are computed from the operator of each frame:

- R_i restricts to window i, a leaf with ``overlap`` layers of cells around it. D_i is one over the number of windows
  that hold the cell.
- Phi holds the coarse functions of ``schwarz``, and Q0 Q0^T = (Phi^T A Phi)^-1.
- Q_i = L_i^-T, with L_i the Cholesky factor of A_i, A on the window, has full rank: Q_i Q_i^T = A_i^-1. Then M is
  positive definite: two-level overlapping Schwarz by another name.
- With a ``rank``, Q_i is the best of this rank. Its columns are u / sqrt(lambda), for the smallest lambda of
  A_i u = lambda diag(A_i) u with u of norm 1 in diag(A_i). What Q_i misses is stiff; diag(A)^-1 is added for it and
  makes M definite.
"""

from __future__ import annotations

import warp as wp

from hpsolver.grid import Grid
from hpsolver.kernels.leaves import RESTRICT

from .base import Preconditioner
from .coarse_space import CoarseSpace
from .haar import haar
from .leaves import Leaves
from .options import check_flag_or_none, check_one_of
from .schwarz import CANDIDATES, COARSE_SIZES
from .windows import Windows

OVERLAPS = (0, 1, 2)
RANKS = (8, 16, 32, 64)

MISSING = 4.0
"""Eigenvalue of cells that a window lacks: above all others, which are at most 3, so that no rank is spent on them."""


class DDAttention(Preconditioner):
    """The paper's M, with all factors from the frame's operator.

    It saves iterations on mild densities and costs some where phases are torn, and it never saves time
    (``bench/FINDINGS.md``): ``schwarz`` is the faster form of the same idea.

    Args:
        coarse_size: functions a leaf, a power of two from 1 to 32, chosen from 8 candidates where 8 is more.
        overlap: layers of cells, 0 to 2.
        rank: rank of the windows' Q_i, 8, 16, 32 or 64; None is full. With a rank, Torch solves an eigenvalue problem
            per window and frame, which takes hundreds of milliseconds: a target for networks to predict, not for use.
        leaf_size: cells of a leaf, 64 or 128.
        dense: apply windows and coarse space as dense inverses (None: on a GPU) instead of banded factors (on a CPU).

    Raises:
        TypeError, ValueError: an option is not what it should be; the message names the value and what is allowed.
    """

    name = "dd_attention"
    moves = False
    fallback = "jacobi"
    spreads = True

    def __init__(
        self,
        coarse_size: int = 8,
        *,
        overlap: int = 1,
        rank: int | None = None,
        leaf_size: int = 128,
        dense: bool | None = None,
    ):
        check_one_of("coarse_size", coarse_size, COARSE_SIZES)
        check_one_of("overlap", overlap, OVERLAPS)
        check_one_of("rank", rank, RANKS, or_none=True)
        check_flag_or_none("dense", dense)
        self.coarse_size = coarse_size
        self.overlap = overlap
        self.rank = rank
        self.leaf_size = leaf_size
        self.graph_safe = rank is None
        self._dense = dense

    def shapes_leaves(self, grid: Grid) -> bool:
        return False

    def allocate(self) -> None:
        system, R = self.system, self.coarse_size
        dense = system.device.is_cuda if self._dense is None else self._dense
        self.windows = Windows(system, self.overlap, self.rank, dense)
        self._leaves = Leaves(system, colored=False, mode=RESTRICT, R=R, dense=False)
        C = max(R, CANDIDATES) if system.bricks.leaf_size > 64 and R > 1 else R
        start = haar(system.bricks.extent, max(C - 1, 1)).ravel()
        form = {"pushed": False, "local": False, "nested": False}
        self._space = CoarseSpace(system, self._leaves, R, C, start, levels=None, dense=dense, **form)

    @property
    def launches(self) -> int:
        return self.windows.launches + self._space.launches + 2

    def update(self) -> None:
        self._leaves.find_changes()
        self._space.update()
        self.windows.update(self._leaves.changed)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        self.windows.solve(r)
        self._space.solve_restricted(r)
        self._space.prolong(self.windows.y, r, z, rz)

    def predict(self) -> None:
        if self.rank is not None:
            self.fill(self.windows)

    @staticmethod
    def fill(windows: Windows) -> None:
        """The low-rank roots of ``windows``, from the assembled system. Torch."""
        import torch

        system, roots, rank = windows.system, wp.to_torch(windows.roots), windows.rank
        cells = torch.as_tensor(windows.cells, device=roots.device).long()
        held = cells >= 0
        cells = cells.clamp(min=0)
        conductance = wp.to_torch(system.conductance).view(-1, system.size)
        diagonal = torch.where(held, wp.to_torch(system.diagonal)[cells], 1.0)
        pinned = torch.as_tensor(windows.pinned, device=roots.device)
        A = torch.diag_embed(torch.where(held, diagonal * (1.0 + pinned), MISSING))
        place = torch.arange(cells.shape[1], device=roots.device).view(windows.extent)
        for axis in range(3 - system.grid.dimension, 3):
            low, high = (place.narrow(axis, k, windows.extent[axis] - 1).flatten() for k in (0, 1))
            joined = held[:, low] & held[:, high]
            coupling = torch.where(joined, -conductance[2 * (2 - axis)][cells[:, high]], 0.0)
            A[:, low, high] = A[:, high, low] = coupling
        scale = diagonal.rsqrt()
        values, vectors = torch.linalg.eigh(scale[:, :, None] * A * scale[:, None, :])
        root = scale[:, :, None] * vectors[..., :rank] * values[:, None, :rank].clamp(min=1e-14).rsqrt()
        roots.copy_(root.flatten())
