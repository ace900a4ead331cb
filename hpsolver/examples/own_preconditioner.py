"""A preconditioner of your own, in one file: two terms of the Neumann series of A^-1.

    python -m hpsolver.examples.own_preconditioner

With D the diagonal of A and a weight w,

    M = 2 w D^-1 - w^2 D^-1 A D^-1.

The eigenvalues of D^-1 A lie in [0, 2], because a row's conductances add up to its diagonal at most. So M is symmetric
positive definite for every w < 1: in terms of such an eigenvalue t, D^1/2 M D^1/2 has the eigenvalue w (2 - w t) > 0.
"""

import functools
import sys
from typing import Any

import warp as wp

from hpsolver import Solver, preconditioners, problems
from hpsolver.kernels.building import launch_threads
from hpsolver.preconditioners import Preconditioner


class Neumann(Preconditioner):
    """M = 2 w D^-1 - w^2 D^-1 A D^-1.

    Args:
        weight: w, between 0 and 1.

    Raises:
        ValueError: the weight is outside that range.
    """

    name = "neumann"
    leaf_size = None  # it has no use for leaves
    spreads = True  # by launch_threads, not wp.launch: so it works in many worlds too (Solver(worlds=...))
    launches = 2  # apply launches two kernels: the product below, and r.z

    def __init__(self, weight: float = 0.9):
        if not 0.0 < weight < 1.0:
            raise ValueError(f"weight must be between 0 and 1, got {weight!r}")
        self.weight = weight

    def allocate(self) -> None:
        """What lasts from frame to frame: [directions * N] the number of the cell across each face."""
        across = self.system.across().astype("int32").ravel()
        self._across = wp.array(across, dtype=wp.int32, device=self.system.device)
        self._multiply = multiply(self.system.krylov_type)

    def update(self) -> None:
        """Nothing to renew: ``apply`` reads this frame's A itself."""

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        system = self.system
        weight = system.krylov_type(self.weight)
        inputs = [weight, self._across, system.krylov_conductance, system.krylov_diagonal, r, z]
        launch_threads(self._multiply, system.size, inputs, system.device)
        self.dot(r, z, rz)


@functools.cache
def multiply(T: Any) -> wp.Kernel:
    """The kernel z = M r for vectors [N] of type T. One thread a cell."""

    @wp.kernel(module=f"neumann_{T.__name__}", enable_backward=False)
    def neumann(
        weight: T,
        across: wp.array(dtype=wp.int32),
        conductance: wp.array(dtype=T),
        diagonal: wp.array(dtype=T),
        r: wp.array(dtype=T),
        z: wp.array(dtype=T),
    ):
        i = wp.tid()
        n = r.shape[0]
        y = weight * r[i] / diagonal[i]
        product = diagonal[i] * y  # row i of A y, with y = w D^-1 r
        for d in range(across.shape[0] // n):
            j = across[d * n + i]
            product -= conductance[d * n + i] * (weight * r[j] / diagonal[j])
        z[i] = T(2.0) * y - weight * product / diagonal[i]

    return neumann


def main() -> int:
    """Solves a frame with ``jacobi`` and with ``neumann``; returns 0 if ``neumann`` takes fewer iterations."""
    preconditioners.NAMES["neumann"] = Neumann  # the registration: from here on it has a name
    density, rhs = problems.frame("bubbles", (128, 64), seed=0, contrast=1000)
    counts = {}
    for name in ("jacobi", "neumann"):
        solver = Solver((128, 64), preconditioner=name)
        solver.step(density, rhs)
        solver.info.raise_for_status()
        counts[name] = solver.info.iterations
        print(f"{name}: {counts[name]} iterations")
    return int(counts["neumann"] >= counts["jacobi"])


if __name__ == "__main__":
    sys.exit(main())
