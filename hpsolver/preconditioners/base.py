"""What the solver knows of a preconditioner."""

from __future__ import annotations

import abc
import copy

import warp as wp

from hpsolver.grid import Grid
from hpsolver.kernels.building import launch
from hpsolver.kernels.krylov import krylov
from hpsolver.system import System


class Preconditioner(abc.ABC):
    """An approximate inverse M of A, renewed every frame and applied once per iteration.

    A preconditioner is made with its options, bound to a ``System`` by the solver (``bind`` returns a copy that owns
    device buffers, so one object can serve several solvers), and then only records kernels: ``update`` and ``apply``
    run inside a captured graph and must not allocate, read back, or branch on device data.

    Attributes:
        name: its name in the registry and in ``info.preconditioner``.
        symmetric: M is symmetric.
        positive: M is positive definite for every density, by construction.
        graph_safe: nothing but ``update`` and ``apply``, which may be captured, is needed; otherwise ``predict`` runs
            in each frame between assembly and ``update``, outside the graphs.
        leaf_size: cells of a leaf it wants, 64 or 128; what None means is up to ``leaf_cells``.
        shapes_leaves: where cells are flat, its leaves take the shape that these ask for.
        fallback: name of the one that takes over, within the frame, where this one fails; None if it cannot fail but
            by rounding, which no other would mend.
        patience: iterations after which its fallback is likely to be the faster one; None: half of a frame's.
        doubtful: the solids are such that its fallback should begin (once bound).
        starts: it implements ``start``.
        moves: it can follow a fluid that changes every frame (``System.moving``).
        spreads: it launches by ``hpsolver.kernels.building`` alone, so that a launch can go to many worlds.
        launches_alone: but for ``update``, whose kernels are not ours: each world has launches of its own.
        pointwise: [N], Krylov type, M's diagonal if it has no other entries (once bound): an iteration then applies it
            in passing, and calls no ``apply``.
        system: what it is bound to.
    """

    name: str
    system: System
    symmetric = True
    positive = True
    graph_safe = True
    fallback: str | None = "schwarz"
    patience: int | None = None
    doubtful = False
    leaf_size: int | None = 128
    starts = False
    shapes_leaves = True
    moves = True
    spreads = False
    launches_alone = False
    pointwise: wp.array | None = None

    def leaf_cells(self, grid: Grid) -> int | None:
        """Cells of a leaf that its ``System`` is to have; None: no use for leaves."""
        return self.leaf_size

    def cut_axis(self, grid: Grid) -> int | None:
        """The axis, of three, across which ranks should cut the grid; None: that of most bricks."""
        return None

    def bind(self, system: System) -> Preconditioner:
        """A copy of this preconditioner with buffers for ``system``."""
        bound = copy.copy(self)
        bound.system = system
        bound.allocate()
        return bound

    @abc.abstractmethod
    def allocate(self) -> None:
        """Makes the device buffers for ``self.system``; called once, and again after the solid mask changed."""

    @abc.abstractmethod
    def update(self) -> None:
        """Records the renewal of M for the assembled ``self.system``."""

    def predict(self) -> None:  # noqa: B027 (most have nothing to predict)
        """Runs what cannot be captured, Torch's part of the frame, without waiting for the device (``graph_safe``)."""

    def watch(self, counter: wp.array) -> None:  # noqa: B027 (most do not care)
        """Hears where the device counts a frame's iterations (``hpsolver.kernels.state``): ``update`` finds the last
        frame's there."""

    @abc.abstractmethod
    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        """Records z = M r and the partial sums of r.z.

        Args:
            r: [N] residual, Krylov type.
            z: [N] result, Krylov type.
            rz: [``products``] fp64 partial sums of r.z.
        """

    def dot(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        """Records the partial sums of r.z, for an ``apply`` whose own kernels do not form them."""
        system = self.system
        inputs = [system.slots, system.leaves, r, z, rz]
        launch(krylov(system.shape, system.krylov_type).dot, system.slots, inputs, system.device)

    def start(self, r: wp.array, x: wp.array) -> None:
        """Records x += Q r, the correction a deflated method needs before its first iteration (``starts``)."""
        raise RuntimeError(f"{self.name} has no start correction")

    @property
    @abc.abstractmethod
    def launches(self) -> int:
        """Kernels that an iteration launches for it."""

    @property
    def products(self) -> int:
        """How many partial sums of r.z ``apply`` writes."""
        return int(self.system.slots)
