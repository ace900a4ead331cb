"""A model of what an iteration costs on a GPU, for columns labelled *modelled*: nothing is measured.

The launches of an iteration are counted, and the arrays that each is given, taken to be moved once. What a launch, a
barrier and a pass of a loop cost, and how long the kernels' chains of dependent steps are, was measured on an H100 with
an earlier state of the code (2026-11-27).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import warp as wp

from hpsolver import Solver, programs
from hpsolver.kernels.programs import MOST_BLOCKS, Launch, Repeat
from hpsolver.preconditioners import BlockJacobi, DDAttention, Preconditioner, Schwarz
from hpsolver.preconditioners.multigrid import BLOCK_CELLS, Multigrid
from hpsolver.spreading import noted

PASS = 4.6e-6
"""Seconds of a pass of a conditional loop in a graph."""
NODE = 0.9e-6
"""Seconds from the end of one node of a graph to the begin of the next."""
BARRIER = 0.75e-6
"""Seconds of a barrier of a cluster of 16 blocks."""
COLD = 2.2e-6
"""Seconds that a kernel of a graph takes longer than the same phase of a larger kernel."""
CHAIN = 3.4e-6
"""Seconds of a kernel with little to do, if it is not in ``CHAINS``."""
CHAINS = {
    "krylov.direction": 4.2e-6,
    "krylov.advance": 3.8e-6,
    "krylov.advance_scaled": 3.8e-6,
    "kernels.step": 4.7e-6,
    "transfer.prolong": 2.6e-6,
    "sweep.sweep": 8.8e-6,
    "nested.brick_sweep": 21e-6,
    "exact.multiply": 10.3e-6,
    "geometric.coarse": 59e-6,
    "multigrid.rest": 12e-6,
}
"""Seconds of kernels, by group and name, on grids where their bytes do not matter: measured, but for ``rest``, estimated:
two small levels with four dependent stages each, and an exact solution."""
BANDWIDTH = 3e12
"""Bytes a second."""
FORMULA = (
    "modelled time of an iteration, in a graph = 4.6 us + for each node 0.9 us and the larger of its chain and its "
    "bytes / 3 TB/s; as one kernel, on up to 32,768 cells = for each phase 0.75 us and the larger of its chain - 2.2 us "
    "and its bytes / 3 TB/s; chain: what the kernel took on an H100 on small grids, 3.4 us if that was not measured; "
    "bytes: all arrays that it is given, each whole, which is an upper bound. modelled ms = iterations x that: the solve "
    "alone, without update or inference"
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
    """Work of one PCG iteration: launches, and for each the seconds of its chain and the bytes it moves."""

    chains: Sequence[float]
    bytes_of: Sequence[int]
    one_kernel: bool

    @property
    def nodes(self) -> int:
        return len(self.chains)

    @property
    def bytes(self) -> int:
        return sum(self.bytes_of)

    @property
    def seconds(self) -> float:
        """By ``FORMULA``."""
        moved = [size / BANDWIDTH for size in self.bytes_of]
        if self.one_kernel:
            return sum(BARRIER + max(chain - COLD, time) for chain, time in zip(self.chains, moved, strict=True))
        return PASS + sum(NODE + max(chain, time) for chain, time in zip(self.chains, moved, strict=True))


def work(solver: Solver) -> Work:
    """Counts one iteration of ``solver`` without running it."""
    launches = noted(lambda: solver._pcg.iterate(solver.preconditioner))
    chains = [CHAINS.get(_name(launch.kernel), CHAIN) for launch in launches]
    return Work(chains, [_bytes(launch) for launch in launches], _is_one_kernel(solver, launches))


def _name(kernel: wp.Kernel) -> str:
    """Group and name, as in ``CHAINS``: a module's own name is ``hpsolver.GROUP_CONFIGURATION``."""
    return f"{kernel.module.name.split('.')[1].split('_')[0]}.{kernel.key}"


def _bytes(launch: Launch) -> int:
    return sum(value.capacity for value in launch.inputs if isinstance(value, wp.array))


def _is_one_kernel(solver: Solver, launches: Sequence[Launch]) -> bool:
    """Whether the loop is one kernel on a GPU whose clusters have 16 blocks."""
    inner = Repeat(solver._pcg.inner, list(launches))
    small = solver.system.size <= programs.CELLS and "solve" in solver.preconditioner.one_kernel
    return small and programs.pays(Repeat(solver._pcg.outer, [inner]), MOST_BLOCKS)


def gpu_work(name: str, preconditioner: str | Preconditioner, shape: tuple[int, ...]) -> Work:
    """The work of an iteration as a GPU would do it, for a rival of ``bench.harness.rivals``; counted on the CPU."""
    chosen = ON_GPU[name]() if name in ON_GPU else preconditioner
    return work(Solver(shape, preconditioner=chosen, device="cpu"))
