"""The hierarchical transformer preconditioner with a learned coarse space: symmetric positive definite whatever the
network says, one set of weights for every size of grid."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import warp as wp

from .options import check_at_least, check_one_of
from .schwarz import Schwarz
from .torch_graph import OnStream

if TYPE_CHECKING:
    import torch

    from hpsolver.network.basis import BasisNetwork

ARCHITECTURE = "hpsolver.htp/2"
SIZES = (2, 4, 8)


class HTP(Schwarz):
    """``Schwarz`` whose start functions the network predicts from the frame's operator.

    Everything else is the skeleton's algebra: one inverse step through the closed leaf, the constant of every piece of
    fluid first, orthonormalisation, the choice of the best (``selection``), Galerkin matrix. Where the network's
    numbers are of no use, the basis is the classical one or a worse one, but M stays symmetric positive definite and
    keeps the constants: a leaf whose numbers are not finite, or larger than ``LARGEST``, takes the classical functions.

    Args:
        coarse_size: functions a leaf, 2, 4 or 8.
        candidates: functions a leaf to choose those from, all but the constant predicted: 8 or 16, at most one more
            than the weights have; ``coarse_size`` itself: no choice. None: 8 for up to 4 functions, 16 for 8.
        weights: a file written by ``hpsolver train``; None takes the shipped one for the grid's dimension.
        refresh: frames from one prediction to the next; in between the functions start from the last prediction, which
            the inverse step fits to the new density. ``auto`` predicts anew when the iterations have risen by a quarter
            since, as far as they are known (``observe``), and after ``LONGEST`` frames at the latest; ``PORTION``
            leaves a frame, so that no frame waits for all. Only leaves that changed are predicted. (On a GPU a
            prediction is of all leaves at once: to ask which of them changed would be to wait for the answer.)
        sweep, levels, dense: as in ``Schwarz``; leaves have 128 cells.

    Raises:
        TypeError, ValueError: as ``Schwarz``; when bound, a weight file is not what it should be.
    """

    name = "htp"
    moves = False
    shapes_leaves = False
    graph_safe = False

    LARGEST = 1e4
    LONGEST = 400
    PORTION = 8

    def __init__(
        self,
        coarse_size: int = 8,
        *,
        candidates: int | None = None,
        weights: str | Path | None = None,
        refresh: int | str = 1,
        sweep: str = "redblack",
        levels: int | None = None,
        dense: bool | None = None,
    ):
        check_one_of("coarse_size", coarse_size, SIZES)
        if refresh != "auto":
            check_at_least("refresh", refresh, 1, or_else="'auto'")
        if candidates is None:
            candidates = max(8, 2 * coarse_size)
        super().__init__(coarse_size, candidates=candidates, sweep=sweep, levels=levels, dense=dense)
        self.refresh = refresh if isinstance(refresh, str) else int(refresh)
        self._path = weights
        self.network: BasisNetwork | None = None

    @classmethod
    def of_network(cls, network: BasisNetwork, **options: Any) -> HTP:
        """With a network at hand instead of a file, as training does."""
        made = cls(**options)
        made.network = network
        return made

    def start_functions(self, candidates: int) -> np.ndarray:
        """[leaves * (C - 1) * L]: the classical ones for every leaf, until the network has spoken."""
        return np.tile(super().start_functions(candidates), self.system.leaves)

    def allocate(self) -> None:
        import torch

        from hpsolver.network import weights
        from hpsolver.network.basis import BasisConfig, BasisNetwork
        from hpsolver.network.patches import PatchLattice
        from hpsolver.network.poisson import Lattice

        super().allocate()
        system = self.system
        dimension = system.grid.dimension
        network = self.network
        if network is None:
            path = self._path or weights.shipped(f"htp_{dimension}d.safetensors")
            network = weights.load(path, ARCHITECTURE, BasisNetwork, BasisConfig)
        config, needed = network.config, self._space.C - 1
        if config.dimension != dimension or config.leaf_size != system.bricks.leaf_size:
            raise ValueError(
                f"weights for {config.dimension}D grids and leaves of {config.leaf_size} cells, this is a {dimension}D "
                f"grid with leaves of {system.bricks.leaf_size}"
            )
        if config.functions < needed:
            raise ValueError(
                f"{self.candidates} candidates need {needed} functions besides the constant, the weights have "
                f"{config.functions}"
            )
        device = wp.device_to_torch(system.device)
        self.network = self._network = copy.deepcopy(network).to(device)
        self._patches = PatchLattice(Lattice(system, device))
        self._forward = OnStream(system.device)
        self._everything = torch.arange(system.leaves, device=device)
        self._seen: torch.Tensor | None = None
        self._due: torch.Tensor | None = None
        self._age = 0
        self._fresh_iterations: int | None = None
        self._tired = False

    def predict(self) -> None:
        """Goes on with a round of predictions, or begins one where it is time. On a GPU a round is one captured graph
        of all leaves."""
        due, on_gpu = self._due, self.system.device.is_cuda
        first = due is None
        longest = self.refresh if isinstance(self.refresh, int) else self.LONGEST
        if due is None or (not len(due) and (self._tired or self._age >= longest)):
            due = self._everything if on_gpu else self._changed_leaves()
            self._age, self._fresh_iterations, self._tired = 0, None, False
        self._age += 1
        self._due = due
        if len(due):
            at_once = first or on_gpu or self.refresh != "auto"
            portion = len(due) if at_once else self.PORTION
            leaves, self._due = due[:portion], due[portion:]
            if not on_gpu:
                self._remember(leaves)
            self._forward(lambda: self._fill(leaves))

    def observe(self, iterations: int) -> None:
        if self._due is None or len(self._due):
            return
        if self._fresh_iterations is None:
            self._fresh_iterations = iterations
        self._tired = self.refresh == "auto" and 4 * iterations > 5 * self._fresh_iterations

    def _rows(self) -> torch.Tensor:
        """[directions + 1, leaves, L] a copy of the leaves' rows of A."""
        import torch

        system = self.system
        arrays = (system.conductance, system.diagonal)
        return torch.cat([wp.to_torch(a).view(-1, system.leaves, system.bricks.leaf_size) for a in arrays])

    def _changed_leaves(self) -> torch.Tensor:
        """Numbers of the leaves whose rows of A differ from those last predicted for; at first, all."""
        if self._seen is None:
            return self._everything
        return self._everything[(self._rows() != self._seen).any(dim=-1).any(dim=0)]

    def _remember(self, leaves: torch.Tensor) -> None:
        """The rows of A that a prediction of these leaves, the first time of all, is made from."""
        rows = self._rows()
        if self._seen is None:
            self._seen = rows
        else:
            self._seen[:, leaves] = rows[:, leaves]

    def _fill(self, leaves: torch.Tensor) -> None:
        """The network on the system's arrays, its numbers into the start functions of some leaves."""
        import torch

        from hpsolver.network.poisson import assembled_operator

        patches = self._patches
        with torch.no_grad():
            operator = assembled_operator(patches.lattice, self.system)
            if len(leaves) < self.system.leaves:
                patches = patches.of_leaves(leaves)
                operator = operator.of_leaves(leaves, patches.lattice)
            coefficients = self._network(operator, patches)[0, :, : self._space.C - 1]
            classical = torch.eye(*coefficients.shape[1:], device=coefficients.device)
            usable = (coefficients.abs() <= self.LARGEST).flatten(1).all(dim=1)  # NaN fails the comparison
            start = torch.where(usable[:, None, None], coefficients, classical) @ patches.candidates
            wp.to_torch(self._space.start).view(self.system.leaves, *start.shape[1:])[leaves] = start
        self._leaves.forget(leaves)
