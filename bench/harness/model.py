"""A model of what an iteration costs on a GPU, for columns labelled *modelled*: nothing is measured.

The work of an iteration is counted: the nodes it adds to the graph, and the arrays that each node is given, taken to be
moved once. The GPU is three assumed numbers, of an H100-class machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import warp as wp

from hpsolver import Solver
from hpsolver.preconditioners import BlockJacobi, DDAttention, Preconditioner, Schwarz
from hpsolver.preconditioners.multigrid import BLOCK_CELLS, Multigrid

NODE = 2.5e-6
"""Seconds from one small graph node to the next."""
BANDWIDTH = 3e12
"""Bytes a second."""
FLOPS = 3e13
"""Operations a second."""
FORMULA = (
    "modelled time of an iteration = 2.5 us x graph nodes + max(bytes / 3 TB/s, flops / 30 Tflop/s); bytes: all arrays "
    "that the nodes are given, each whole and once a node, which is an upper bound; flops: two for each element of "
    "them. modelled ms = iterations x that: the solve alone, without update or inference"
)

ON_GPU: dict[str, Callable[[], Preconditioner]] = {
    "block_jacobi": lambda: BlockJacobi(dense=True),
    "multigrid": lambda: Multigrid(block_cells=BLOCK_CELLS),
    "schwarz": lambda: Schwarz(dense=True),
    "dd_attention": lambda: DDAttention(dense=True),
    "schwarz, all leaves at once": lambda: Schwarz(sweep="deflated", dense=True),
    "schwarz, additive": lambda: Schwarz(sweep="additive", dense=True),
}
"""Preconditioners that take another form on a GPU, in this form."""


@dataclass(frozen=True)
class Work:
    """Work of one PCG iteration: graph nodes, bytes moved, floating-point operations."""

    nodes: int
    bytes: int
    flops: int

    @property
    def seconds(self) -> float:
        """By ``FORMULA``."""
        return NODE * self.nodes + max(self.bytes / BANDWIDTH, self.flops / FLOPS)


def work(solver: Solver) -> Work:
    """Counts one iteration of ``solver`` without running it."""
    arrays: list[wp.array] = []
    nodes = 0

    def count(*_arguments: object, inputs: list | None = None, outputs: list | None = None, **_options: object) -> None:
        nonlocal nodes
        nodes += 1
        arrays.extend(thing for thing in [*(inputs or []), *(outputs or [])] if isinstance(thing, wp.array))

    with mock.patch.object(wp, "launch", count), mock.patch.object(wp, "launch_tiled", count):
        solver._pcg.iterate(solver.preconditioner)
    return Work(nodes, sum(a.capacity for a in arrays), 2 * sum(a.size for a in arrays))


def gpu_work(name: str, preconditioner: str | Preconditioner, shape: tuple[int, ...]) -> Work:
    """The work of an iteration as a GPU would do it, for a rival of ``bench.harness.rivals``; counted on the CPU."""
    chosen = ON_GPU[name]() if name in ON_GPU else preconditioner
    return work(Solver(shape, preconditioner=chosen, device="cpu"))
