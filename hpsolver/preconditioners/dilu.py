"""Red-black DILU: an incomplete factorisation that keeps A's off-diagonals and only factors the diagonal."""

from __future__ import annotations

import warp as wp

from hpsolver.kernels.building import launch
from hpsolver.kernels.dilu import red_black

from .base import Preconditioner


class DILU(Preconditioner):
    """M = ((E + L) E^-1 (E + U))^-1 with L, U the strict triangles of A when red cells come before black ones.

    E is the diagonal that gives M^-1 the diagonal of A (D-ILU; Barrett et al., Templates for the Solution of Linear
    Systems, SIAM 1994, 3.4): e_i = a_ii - sum of a_ij e_j^-1 a_ji over the j before i. On a 5- or 7-point grid no two
    cells of a colour are neighbours, so this is AMGX's MULTICOLOR_DILU with an exact colouring. The two solves take
    one kernel each: a black cell forms its red neighbours' part of the forward solve itself, since that part is local.

    M is symmetric positive definite for every E > 0, also in the three cases where it departs from the formula:

    - the ends of a periodic axis of odd length have one colour: their couplings are left out of L and U. An exact
      colouring takes four colours there, hence six kernels, for 4 to 6 % fewer iterations (33 and 65 cells a side);
    - a periodic axis of two cells couples a pair through two faces, which E counts separately: e is larger;
    - where a black cell and its red neighbours are a whole region without open sides, the formula gives e = 0 or a
      rounding error: below 1e-12 a_ii, the cell keeps a_ii.
    """

    name = "dilu"
    fallback = None
    launches = 2
    spreads = True

    def allocate(self) -> None:
        system = self.system
        M = system.preconditioner_type
        self._kernels = red_black(system.shape, system.krylov_type, M)
        self._weight = system.zeros(system.size, M)
        self._coupling = system.zeros(system.bricks.directions * system.size, M)
        self._y = system.zeros(system.size, system.krylov_type)

    def update(self) -> None:
        system = self.system
        self._launch(self._kernels.factor, system.conductance, system.diagonal, self._weight, self._coupling)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        self._launch(self._kernels.forward, self._weight, self._coupling, r, self._y)
        self._launch(self._kernels.backward, self._weight, self._coupling, r, self._y, z, rz)

    def _launch(self, kernel: wp.Kernel, *arrays: wp.array) -> None:
        system = self.system
        bricks = [system.slots, system.leaves, system.neighbor, system.used, system.origin]
        launch(kernel, system.slots, [*bricks, *arrays], system.device)
