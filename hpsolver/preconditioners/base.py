"""The interface through which the solver uses a preconditioner."""

from __future__ import annotations

import abc
import copy
from typing import NamedTuple

import warp as wp

from hpsolver.grid import Grid
from hpsolver.kernels.building import launch
from hpsolver.kernels.krylov import krylov
from hpsolver.system import System


class Patience(NamedTuple):
    """When a frame goes on with the fallback: after ``iterations``, which take about as long as a frame of it, or
    after the first ``early`` of them if these have won less than the share ``way`` of the digits asked."""

    iterations: int
    early: int
    way: float


class Preconditioner(abc.ABC):
    """An approximate inverse M of A, renewed every frame and applied once per iteration.

    A preconditioner is made with its options, bound to a ``System`` by the solver (``bind`` returns a copy that owns
    device buffers, so one object can serve several solvers), and then only records kernels: ``update`` and ``apply``
    run inside a captured graph and must not allocate, read back, or branch on device data.

    Attributes:
        name: its name in the registry and in ``info.preconditioner``.
        symmetric: M is symmetric.
        positive: M is positive definite for every density, by construction.
        graph_safe: ``update`` and ``apply``, which a graph can capture, are all it needs; otherwise ``predict`` also
            runs in each frame, between assembly and ``update``, outside the graphs.
        leaf_size: cells of the leaves it asks for, 64 or 128; ``leaf_cells`` decides what None means.
        fallback: name of the preconditioner that takes over, within the frame, where this one fails; None if only
            rounding can make it fail, which no other one would mend.
        patience: when the fallback is likely to be faster; None: after half of ``max_iterations``.
        doubtful: once bound, whether the solids are such that the next frames should begin with the fallback.
        starts: it implements ``start``.
        moves: it can follow a fluid that changes every frame (``System.moving``).
        spreads: it launches kernels through ``hpsolver.kernels.building`` only, so that one launch can serve many
            worlds (``hpsolver.worlds``).
        one_kernel: the parts of a frame, ``update`` and ``solve``, that may be one kernel (``hpsolver.programs``):
            they launch kernels through ``hpsolver.kernels.building`` only, and on a GPU the shared memory of all of
            these fits together.
        launches_alone: its ``update`` launches kernels that are not ours, for each world separately.
        pointwise: once bound, [N] of Krylov type: M's diagonal if M has no other entries. An iteration then applies it
            within kernels of its own and does not call ``apply``.
        system: the system it is bound to.
    """

    name: str
    system: System
    symmetric = True
    positive = True
    graph_safe = True
    fallback: str | None = "schwarz"
    patience: Patience | None = None
    doubtful = False
    leaf_size: int | None = 128
    starts = False
    moves = True
    spreads = False
    one_kernel: tuple[str, ...] = ()
    launches_alone = False
    pointwise: wp.array | None = None

    def shapes_leaves(self, grid: Grid) -> bool:
        """Whether leaves of flat cells take the shape that the spacing asks for (``make_bricks``)."""
        return True

    def leaf_cells(self, grid: Grid) -> int | None:
        """Cells of a leaf in its ``System``; None: it makes no use of leaves."""
        return self.leaf_size

    def cut_axis(self, grid: Grid) -> int | None:
        """The axis, one of three, across which ranks should cut the grid; None: the axis with most bricks."""
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

    def choose_fallback(self) -> str | Preconditioner | None:
        """The fallback of this bound preconditioner: its name, or the object where options depend on the system."""
        return self.fallback

    @abc.abstractmethod
    def update(self) -> None:
        """Records the renewal of M for the assembled ``self.system``."""

    def predict(self) -> None:  # noqa: B027 (most have nothing to predict)
        """Runs what cannot be captured, the host's part of the frame (``graph_safe``)."""

    def watch(self, counter: wp.array) -> None:  # noqa: B027 (most do not care)
        """Takes the array in which the device counts a frame's iterations (``hpsolver.kernels.state``): while
        ``update`` runs, it holds the last frame's count."""

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
        """Kernels that an iteration launches for this preconditioner."""

    @property
    def products(self) -> int:
        """How many partial sums of r.z ``apply`` writes."""
        return int(self.system.slots)
