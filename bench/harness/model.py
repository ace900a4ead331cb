"""A model of what an iteration costs on a GPU, for columns labelled *modelled*: nothing is measured.

The launches of an iteration are counted, and the arrays that each is given, taken to be moved once. What a launch, a
barrier and a pass of a loop cost, and how long the kernels' chains of dependent steps are, was measured on an H100 with
an earlier state of the code (2026-11-27).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp
from hpsolver.kernels.programs import MOST_BLOCKS, Launch, Repeat
from hpsolver.kernels.selection import HELD

from hpsolver import Solver, programs
from hpsolver.pcg import Loop
from hpsolver.preconditioners import HTP, BlockJacobi, DDAttention, Preconditioner, Schwarz
from hpsolver.preconditioners.multigrid import BLOCK_CELLS, Multigrid
from hpsolver.spreading import noted

from . import memory

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
    "multigrid.down": 4.1e-6,
    "multigrid.up": 4.8e-6,
    "multigrid.rest": 17e-6,
    "multigrid_setup.setup_rest": 40e-6,
    "geometric_setup.coarsen_rest": 20e-6,
}
"""Seconds of kernels, by group and name, on grids where their bytes do not matter. They were measured, but for the last
five, estimates: a pass has one dependent stage more than a small kernel, or two, of 0.7 us; ``rest`` has two small
levels with six stages each, and an exact solution; ``setup_rest`` eight stages, and 64 steps of 0.4 us to invert the
coarsest level."""
OF_ARRAYS = {"pack": 0.5, "unpack": 0.5, "geometric": 0.3}
"""What part of a level's arrays a kernel of multigrid uses, if not all."""
TWO_WORDS = ("multigrid_setup", "geometric_setup")
OTHERS = 6
"""Launches of a frame besides those of the assembly and of PCG: arrays in and out, and three marks of the clock."""
BANDWIDTH = 3e12
"""Bytes a second."""
MULTIPROCESSORS = 132
"""Of an H100; many worlds share them."""
CARDS = {"H100": BANDWIDTH, "RTX 4090": 1e12}
"""The same for two cards, the second one a consumer's. Its chains are taken to be as long. Its double precision, 1.3
Tflop/s, is no limit: ``multigrid`` does 0.1 double operations a byte, ``schwarz`` 0.5 (``bench/FINDINGS.md``)."""
FORMULA = (
    "modelled time of an iteration, in a graph = 4.6 us + for each node 0.9 us and the larger of its chain and its "
    "bytes / 3 TB/s; as one kernel, on up to 32,768 cells = for each phase 0.75 us and the larger of its chain - 2.2 "
    "us and its bytes / 3 TB/s; chain: what the kernel took on an H100 on small grids, 3.4 us if that was not "
    "measured; bytes: all arrays that it is given, of multigrid's levels its own. modelled ms = iterations x "
    "that: the solve alone, without update or inference. Of many worlds: their bytes together, and a chain for each "
    "round of a world's blocks"
)


class MultigridOnGPU(Multigrid):
    """With the fallback that it has on a GPU."""

    def choose_fallback(self) -> Preconditioner:
        return Schwarz(dense=True)


ON_GPU: dict[str, Callable[[], Preconditioner]] = {
    "block_jacobi": lambda: BlockJacobi(dense=True),
    "multigrid": lambda: MultigridOnGPU(block_cells=BLOCK_CELLS, sweeps=1),
    "schwarz": lambda: Schwarz(dense=True),
    "htp": lambda: HTP(dense=True),
    "dd_attention": lambda: DDAttention(dense=True),
    "schwarz, all leaves at once": lambda: Schwarz(sweep="deflated", dense=True),
    "schwarz, additive": lambda: Schwarz(sweep="additive", dense=True),
}
"""Preconditioners that take another form on a GPU, in this form."""


RENEWED = ("none", "jacobi", "multigrid")
"""Preconditioners whose renewal has no chains but those in ``CHAINS``: whole frames can be modelled."""


@dataclass(frozen=True)
class Work:
    """Work of one PCG iteration: launches, and for each the seconds of its chain, with all rounds that its blocks take
    in one kernel, and the bytes it moves."""

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
        return self.seconds_at(BANDWIDTH)

    def seconds_at(self, bandwidth: float) -> float:
        """By ``FORMULA``, on a card that moves as many bytes a second."""
        parts = zip(self.chains, self.bytes_of, strict=True)
        return (0.0 if self.one_kernel else PASS) + sum(_seconds(*part, self.one_kernel, bandwidth) for part in parts)


def work(solver: Solver, worlds: int = 1) -> Work:
    """Counts one iteration of ``solver``, of one world, without running it; or what it is in so many worlds."""
    launches = noted(lambda: solver._pcg.iterate(solver.preconditioner))
    loop = Repeat(solver._pcg.outer, [Repeat(solver._pcg.inner, list(launches))])
    one_kernel = _is_one_kernel(solver, "solve", loop, worlds)
    room, _ = programs.room_of_world(worlds, MOST_BLOCKS, MULTIPROCESSORS)

    def chain(launch: Launch) -> float:
        alone = _chain(launch.kernel)
        rounds = -(-launch.items // room) if one_kernel and launch.of_blocks else 1
        return COLD + rounds * (alone - COLD)

    return Work([chain(launch) for launch in launches], [worlds * _bytes(launch) for launch in launches], one_kernel)


def frame(solver: Solver, iterations: float) -> float:
    """Seconds of a whole frame of as many iterations, by ``FORMULA``, if no other loop is repeated.

    Raises:
        ValueError: the chains of the preconditioner's renewal are not known (``RENEWED``).
    """
    if solver.preconditioner.name not in RENEWED:
        raise ValueError(f"frames of {solver.preconditioner.name!r} are not modelled, only those of {RENEWED}")
    pcg, part_of = solver._pcg, solver._frame
    rounds = {pcg.first.ptr: 1, pcg.outer.ptr: 1, pcg.inner.ptr: iterations, pcg.rescue.ptr: 0}
    kernels = {pcg.first.ptr: "update", pcg.outer.ptr: "solve"}

    def seconds(part: Launch | Repeat, one_kernel: bool) -> float:
        if isinstance(part, Launch):
            return _seconds(_chain(part.kernel), _bytes(part), one_kernel)
        times, begins = rounds[part.condition.ptr], NODE + COLD if not one_kernel else 0.0
        one_kernel = one_kernel or _is_one_kernel(solver, kernels.get(part.condition.ptr, ""), part)
        begins = begins if one_kernel else PASS * (times + 1)
        return begins + times * sum(seconds(inner, one_kernel) for inner in part.body)

    def whole(loop: Loop) -> None:
        part_of._begin(loop)
        part_of._finish(loop)

    noted_frame = programs.phases(pcg.outer, whole)
    return sum(seconds(part, False) for part in noted_frame.body) + OTHERS * (NODE + CHAIN)


def _seconds(chain: float, size: int, one_kernel: bool, bandwidth: float = BANDWIDTH) -> float:
    if one_kernel:
        return BARRIER + max(chain - COLD, size / bandwidth)
    return NODE + max(chain, size / bandwidth)


def _chain(kernel: wp.Kernel) -> float:
    """From ``CHAINS``; a module's own name is ``hpsolver.GROUP_CONFIGURATION``."""
    words = kernel.module.name.split(".")[1].split("_")
    group = "_".join(words[:2]) if "_".join(words[:2]) in TWO_WORDS else words[0]
    return CHAINS.get(f"{group}.{kernel.key}", CHAIN)


def _bytes(launch: Launch) -> int:
    """Bytes of all arrays of a launch, each whole; of multigrid's ``numbers`` those of the launch's levels."""
    given = dict(zip((argument.label for argument in launch.kernel.adj.args), launch.inputs, strict=True))
    numbers = given.pop("numbers", None)
    whole = sum(value.capacity for value in given.values() if isinstance(value, wp.array))
    return whole + (int(numbers.capacity * _share(launch.kernel, given)) if numbers else 0)


def _share(kernel: wp.Kernel, given: Mapping[str, Any]) -> float:
    """What part of multigrid's ``numbers`` a launch moves, by the cells and arrays of its levels."""
    table = given["table"].numpy().reshape(-1, 5)
    black_box = kernel.module.name.startswith("hpsolver.multigrid")
    sizes = table[:, :3].prod(axis=1) * (np.where(np.arange(len(table)) == 0, 1, 3) if black_box else 1)
    first = given.get("level", given.get("first", 0))
    last = first + 2 if "level" in given else None if "first" in given else 1
    arrays = OF_ARRAYS.get(kernel.key, 1.0) if black_box else OF_ARRAYS["geometric"]
    return arrays * float(sizes[first:last].sum() / sizes.sum())


def _is_one_kernel(solver: Solver, part: str, loop: Repeat, worlds: int = 1) -> bool:
    """Whether a loop is one kernel on a GPU whose clusters have 16 blocks."""
    small = solver.system.size <= programs.CELLS and part in solver.preconditioner.one_kernel
    room, inside = programs.room_of_world(worlds, MOST_BLOCKS, MULTIPROCESSORS)
    return small and room > 0 and programs.pays(loop, room, inside)


def form_on_gpu(name: str, preconditioner: str | Preconditioner) -> str | Preconditioner:
    """A rival of ``bench.harness.rivals`` in the form that it has on a GPU."""
    return ON_GPU[name]() if name in ON_GPU else preconditioner


def on_gpu(name: str, preconditioner: str | Preconditioner, shape: tuple[int, ...]) -> Solver:
    """The same, bound on the CPU, to be counted."""
    return Solver(shape, preconditioner=form_on_gpu(name, preconditioner), device="cpu")


def counted(name: str, shape: tuple[int, ...]) -> tuple[float, Work]:
    """(bytes a cell of the arrays of ``on_gpu``, without what a GPU has in shared memory; work of its iteration)."""
    before = memory.held()
    solver = on_gpu(name, name, shape)
    held = memory.held() - before
    for part in (solver.preconditioner, solver.fallback):
        if isinstance(part, Schwarz) and (choice := part._space.selection) and part.candidates <= HELD:
            held -= choice._work.capacity
    return held / solver.system.grid.cells, work(solver)


def gpu_work(name: str, preconditioner: str | Preconditioner, shape: tuple[int, ...]) -> Work:
    """The work of an iteration of ``on_gpu``."""
    return work(on_gpu(name, preconditioner, shape))
