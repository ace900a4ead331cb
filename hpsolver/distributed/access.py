"""What the kernels of a frame read and write, for the kernels that ranks share out.

A rank does the items (blocks or threads) of its own leaves. What it reads beyond them must have come from their owners
before, so the table says how far each kernel reads across the cut between two ranks: ``cells``, the layer of cells
there; ``leaves``, all of the leaves there; or ``everywhere``. Arrays that are not named are read at the rank's own
leaves alone. A kernel that is not in the table is run as a whole by every rank, on arrays gathered before: right for
any kernel, but slow.
"""

from __future__ import annotations

from dataclasses import dataclass

import warp as wp

from hpsolver.system import System

from .transport import Rows


@dataclass(frozen=True)
class Access:
    """How a kernel is shared out.

    Attributes:
        items: what its blocks or threads stand for: ``slots``, ``leaves``, ``cells`` of the whole grid, ``groups`` of
            leaves (or the functions of such groups), ``bundles`` of consecutive leaves, leaves that are ``due``, or
            ``all`` entries of an array, whoever owns them. A group or a bundle may hold leaves of several ranks; it is
            renewed as a whole, so all ranks must know whether one of its leaves changed.
        writes: arguments that it writes at the rank's own leaves.
        cells, leaves, everywhere: arguments that it reads that far.
        coupled: name of an argument; if that is 0, nothing is read across the cut.
    """

    items: str
    writes: tuple[str, ...]
    cells: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    everywhere: tuple[str, ...] = ()
    coupled: str | None = None


ACCESS = {
    # staging and assembly
    "staging.pack": Access("leaves", ("vector",)),
    "staging.unpack": Access("leaves", ()),
    "staging.classify": Access("leaves", ("kinds", "fluid", "phi")),
    "kernels.assembly.wrap_shares": Access("cells", ("high",), cells=("low",)),
    "stretch.stretch": Access("all", ("shares",)),
    "assembly.assemble": Access(
        "slots", ("conductance", "leak", "diagonal", "bad_cells"), cells=("density", "kinds", "phi")
    ),
    "round.to_float": Access("all", ("target",)),
    # vectors
    "kernels.iterate.prepare": Access("slots", ("b", "x", "x_best")),
    "kernels.iterate.keep_best": Access("slots", ("x", "x_best")),
    "kernels.iterate.finish": Access("slots", ("pressure",)),
    "kernels.iterate.multiply": Access("slots", ("product",)),
    "kernels.iterate.rounded": Access("cells", ("x",)),
    "kernels.iterate.confine": Access("cells", ("vector",)),
    "kernels.iterate.clear": Access("cells", ("vector",)),
    "regions.subtract_means": Access("slots", ("vector",)),
    "krylov.direction": Access("slots", ("p_even", "p_odd", "q", "pq_slots"), cells=("z_", "p_even", "p_odd")),
    "krylov.advance": Access("slots", ("x_", "r", "rr_slots"), everywhere=("pq_slots",)),
    "krylov.advance_scaled": Access("slots", ("x_", "r", "rr_slots", "z_", "rz_slots"), everywhere=("pq_slots",)),
    "krylov.residual": Access("slots", ("r", "rr_slots", "terms_slots"), cells=("x_",)),
    "krylov.from_zero": Access("slots", ("r", "rr_slots", "terms_slots")),
    "krylov.scale": Access("slots", ("z_", "rz_slots")),
    "krylov.dot": Access("slots", ("uv_slots",)),
    "krylov.largest": Access("slots", ("largest_slots",)),
    "diagonal.reciprocal": Access("slots", ("weight",)),
    # leaves
    "changes.find_changes": Access("leaves", ("seen", "changed")),
    "factorization.factor": Access("groups", ("factor",), everywhere=("changed",)),
    "roots.root": Access("groups", ("factor", "inverse"), everywhere=("changed",)),
    "sweep.sweep": Access(
        "groups",
        ("y_", "coarse"),
        cells=("y_",),
        coupled="coupled",  # no message for ``correction``: every rank computes all of it
    ),
    "lines_remainder.remainder": Access("slots", ("left",), cells=("x_",)),
    # coarse functions
    "functions.functions": Access("groups", ("basis", "factor"), everywhere=("changed",)),
    "galerkin.galerkin": Access(
        "leaves",
        ("blocks", "mass", "scale", "local_inverse", "face_basis"),
        leaves=("basis", "changed"),
    ),
    "selection.select": Access(
        "bundles", ("work", "renewed", "choice"), leaves=("blocks", "mass"), everywhere=("changed",)
    ),
    "selection.combine": Access("leaves", ("basis",)),
    "transfer.restrict": Access("leaves", ("coarse",)),
    "transfer.prolong": Access("slots", ("z_", "rz_slots")),
    "transfer.prolong_add": Access("leaves", ("x_",)),
    # the network of the learned coarse space
    "basis.tokens": Access("due", ("tokens",)),
    "basis.head": Access("due", ("coefficients",)),
    "basis.functions": Access("due", ("start",)),
}
"""By kernel, ``GROUP.NAME``; the group is the name of its module without the configuration."""

BY_DIRECTION = ("conductance", "shares", "low", "high")
"""Arguments [directions, N]; others have a row for each leaf, or for each slot if they are called ``*_slots``."""

SLOTS = ("bad_cells",)
"""Further arguments with an entry for each slot."""


def rows_of(system: System, name: str, array: wp.array) -> Rows:
    """An array that kernels call ``name``, divided into the rows that ranks own.

    Raises:
        RuntimeError: the array does not have a row for each leaf.
    """
    if name.endswith("_slots") or name in SLOTS:
        return Rows(array[: system.slots], "slots", 1, 1)
    if name in BY_DIRECTION:
        return Rows(array, "leaves", array.size // system.size, system.bricks.leaf_size)
    if array.size % system.leaves:
        raise RuntimeError(f"{name} [{array.size}] has no row for each of {system.leaves} leaves")
    return Rows(array, "leaves", 1, array.size // system.leaves)
