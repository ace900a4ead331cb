"""The hierarchical transformer preconditioner with a learned coarse space: symmetric positive definite whatever the
network says, one set of weights for every size of grid."""

from __future__ import annotations

import copy
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import warp as wp

from .schwarz import Schwarz
from .torch_graph import OnStream

if TYPE_CHECKING:
    from hpsolver.network.basis import BasisNetwork

ARCHITECTURE = "hpsolver.htp/1"


class HTP(Schwarz):
    """``Schwarz`` whose start functions the network predicts from the frame's operator.

    Everything else is the skeleton's algebra: one inverse step through the closed leaf, the constant of every piece of
    fluid first, orthonormalisation, Galerkin matrix. Where the network's numbers are of no use, the basis is the
    classical one or a worse one, but M stays symmetric positive definite and keeps the constants: a leaf whose numbers
    are not finite, or larger than ``LARGEST``, takes the classical functions.

    Args:
        coarse_size: functions a leaf, a power of two from 2 to 8.
        weights: a file written by ``hpsolver train``; None takes the shipped one for the grid's dimension.
        refresh: frames from one prediction to the next, a frame of which redoes every leaf; in between the functions
            start from the last prediction, and only leaves whose density changed are redone. ``auto`` predicts anew
            when the iterations have risen by a quarter since, as far as they are known (``observe``), and after
            ``LONGEST`` frames at the latest.
        deflated, sweep, levels, dense: as in ``Schwarz``; leaves have 128 cells.

    Raises:
        ValueError: an option is outside its range; when bound, a weight file is not what it should be.
    """

    name = "htp"

    LARGEST = 1e4
    LONGEST = 100

    def __init__(
        self,
        coarse_size: int = 8,
        *,
        weights: str | Path | None = None,
        refresh: int | str = 1,
        deflated: bool = True,
        sweep: str = "redblack",
        levels: int | None = None,
        dense: bool | None = None,
    ):
        super().__init__(coarse_size, deflated=deflated, sweep=sweep, levels=levels, dense=dense)
        self.graph_safe = False
        if not 2 <= coarse_size <= 8:
            raise ValueError(f"coarse_size must be 2, 4 or 8, got {coarse_size!r}")
        if refresh != "auto" and (not isinstance(refresh, Integral) or isinstance(refresh, bool) or refresh < 1):
            raise ValueError(f"refresh must be an integer >= 1 or 'auto', got {refresh!r}")
        self.refresh = refresh
        self._path = weights
        self.network: BasisNetwork | None = None

    @classmethod
    def of_network(cls, network: BasisNetwork, **options: object) -> HTP:
        """With a network at hand instead of a file, as training does."""
        made = cls(**options)
        made.network = network
        return made

    def allocate(self) -> None:
        from hpsolver.network import weights
        from hpsolver.network.basis import BasisConfig, BasisNetwork
        from hpsolver.network.operator import Lattice
        from hpsolver.network.patches import PatchLattice

        super().allocate()
        system = self.system
        dimension = system.grid.dimension
        if self.network is None:
            path = self._path or weights.shipped(f"htp_{dimension}d.safetensors")
            self.network = weights.load(path, ARCHITECTURE, BasisNetwork, BasisConfig)
        config, functions = self.network.config, self.coarse_size - 1
        if config.dimension != dimension or config.leaf_size != system.bricks.leaf_size:
            raise ValueError(
                f"weights for {config.dimension}D grids and leaves of {config.leaf_size} cells, this is a {dimension}D "
                f"grid with leaves of {system.bricks.leaf_size}"
            )
        if config.functions < functions:
            raise ValueError(
                f"coarse_size {self.coarse_size} needs {functions} functions, the weights have {config.functions}"
            )
        device = wp.device_to_torch(system.device)
        self.network = copy.deepcopy(self.network).to(device)
        self._patches = PatchLattice(Lattice(system, device))
        self._forward = OnStream(system.device)
        self._age: int | None = None
        self._fresh_iterations: int | None = None
        self._tired = False

    def predict(self) -> None:
        longest = self.LONGEST if self.refresh == "auto" else self.refresh
        if self._age is None or self._age >= longest or self._tired:
            self._forward(self._fill)
            self._leaves.forget()
            self._age, self._fresh_iterations, self._tired = 0, None, False
        self._age += 1

    def observe(self, iterations: int) -> None:
        if self._fresh_iterations is None:
            self._fresh_iterations = iterations
        self._tired = self.refresh == "auto" and 4 * iterations > 5 * self._fresh_iterations

    def _fill(self) -> None:
        """The network on the system's arrays, its numbers into the start functions."""
        import torch

        from hpsolver.network.operator import assembled_operator

        patches = self._patches
        with torch.no_grad():
            operator = assembled_operator(patches.lattice, self.system)
            start = self.network(operator, patches)[0, :, : self.coarse_size - 1]
            classical = patches.haar[: self.coarse_size - 1]
            usable = (start.abs() <= self.LARGEST).flatten(1).all(dim=1)  # NaN fails the comparison
            start = torch.where(usable[:, None, None], start, classical)
            wp.to_torch(self._start_functions).copy_(start.reshape(-1))
