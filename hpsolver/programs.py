"""Loops of PCG as one kernel (``hpsolver.kernels.programs``): where that pays, and the kernels.

On small grids a frame in a graph is mostly launches. On a GPU one kernel with barriers between its phases saves them,
but a cluster has few blocks. It pays while each phase is one round of them: for vectors and the levels of multigrid up
to ``CELLS``, for the leaves of ``schwarz`` as long as a colour has no more leaves than the cluster has blocks.

On a CPU a launch costs 0.2 us. One kernel would save small grids and worlds a few percent of their time, and cost
their first frame 3 to 6 s of compilation: the loops stay as they are (``bench/FINDINGS.md``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import warp as wp

from hpsolver.kernels import control
from hpsolver.kernels.building import BLOCK, launch
from hpsolver.kernels.programs import MOST_BLOCKS, Launch, Repeat, forget, program

from .spreading import Notes, spread_to

if TYPE_CHECKING:
    from .pcg import Loop
    from .preconditioners import Preconditioner
    from .system import System

CELLS = 32768
"""The most cells of a grid whose loop is one kernel."""

BLOCK_CELLS = 1024
"""Cells for each block of a program: four for a lane."""

ROUNDS = 16
"""The most rounds of blocks that a phase outside the innermost loop may take: no iteration waits for it."""

WAVES = 2
"""Of many worlds, how many blocks there may be for each multiprocessor: such a kernel has registers for one or two, the
launches of a graph for more."""

ROUNDS_INSIDE = 2
"""The most rounds that a phase of the innermost loop may take where many worlds share the device. With more of them the
launches of a graph are faster, by the model."""


def most_blocks(device: wp.Device) -> int:
    """Blocks that a program may have on the device: of its largest cluster, 1 on GPUs without clusters. 0: none."""
    if not device.is_cuda or not wp.is_conditional_graph_supported():  # else the host repeats pieces of the frame
        return 0
    if device.get_cuda_compile_arch() < 90:
        return 1
    return int(min(wp.get_cuda_max_cluster_dim(control.step, device, block_dim=BLOCK), MOST_BLOCKS))


def fitting_blocks(cells: int, device: wp.Device) -> int:
    """Blocks of a program for vectors of this many cells; 0 if they are too many."""
    wanted, most = -(-cells // BLOCK_CELLS), most_blocks(device)
    fits = wanted <= most or (cells <= CELLS and most > 1)
    return min(wanted, most) if fits else 0


def pays(repeat: Repeat, most: int, inside: int = 1, rounds: int = ROUNDS) -> bool:
    """Whether at most ``most`` blocks do each phase in so many rounds, and in ``inside`` rounds in a loop inside."""
    inner = [part for part in repeat.body if isinstance(part, Repeat)]
    own = [part for part in repeat.body if isinstance(part, Launch)]
    fits = all(launch.items <= rounds * most or not launch.of_blocks for launch in own)
    return fits and all(pays(part, most, inside, inside) for part in inner)


def blocks_for(repeat: Repeat, system: System, worlds: int) -> int:
    """How many blocks the program of a loop has; 0 where it does not pay."""
    most = most_blocks(system.device)
    if not most or not fitting_blocks(system.size, system.device):
        return 0
    room, inside = room_of_world(worlds, most, system.device.sm_count)
    if not room or not pays(repeat, room, inside):
        return 0
    return min(room, max((launch.items for launch in repeat.launches() if launch.of_blocks), default=1))


def room_of_world(worlds: int, most: int, multiprocessors: int) -> tuple[int, int]:
    """Blocks that a world's program may have, where it alone may have ``most``, and rounds of an innermost phase."""
    room = most if worlds == 1 else min(most, WAVES * multiprocessors // worlds)
    return room, 1 if room == most else ROUNDS_INSIDE


@dataclass(frozen=True)
class Program:
    """A loop as one kernel of ``blocks`` blocks."""

    kernel: wp.Kernel
    inputs: list[object]
    blocks: int
    device: wp.Device

    def launch(self) -> None:
        """Runs the loop; in many worlds, in each of them."""
        launch(self.kernel, self.blocks, self.inputs, self.device)

    def fits(self, launched: wp.Kernel) -> bool:
        """Whether the device has room for the cluster, with the registers that the kernel takes once it is compiled.

        Args:
            launched: the kernel, or the one that is launched in its place (``Carrier.kernel``).
        """
        if self.blocks == 1 or not self.device.is_cuda:
            return True
        return bool(wp.get_cuda_max_cluster_dim(launched, self.device, block_dim=BLOCK) >= self.blocks)


Body = Callable[["Loop"], None]
"""Records what a loop repeats; loops in it are made by the argument."""


class Programs:
    """The loops of one solver, by preconditioner and part of a frame (``Preconditioner.one_kernel``).

    Args:
        worlds: how many grids run them at the same time.
    """

    def __init__(self, worlds: int = 1) -> None:
        self._worlds = worlds
        self._known: dict[tuple[Preconditioner, str], Program | None] = {}

    def repeat(self, preconditioner: Preconditioner, part: str, condition: wp.array, body: Body, loop: Loop) -> None:
        """Records the repetition of ``body`` while ``condition`` [1] is not zero, as one kernel where that pays."""
        if one := self.program(preconditioner, part, condition, body):
            one.launch()
        else:
            loop(condition, functools.partial(body, loop))

    def program(self, preconditioner: Preconditioner, part: str, condition: wp.array, body: Body) -> Program | None:
        """The loop as one kernel; None where that does not pay. The first call writes it, and compiles nothing.

        Args:
            preconditioner: bound; ``body`` uses no other one.
        """
        key = preconditioner, part
        if key not in self._known:
            may_be = part in preconditioner.one_kernel
            self._known[key] = _program(preconditioner, condition, body, self._worlds) if may_be else None
        return self._known[key]

    def keep(self, wanted: Callable[[Program], bool]) -> None:
        """Keeps the programs that are wanted; the loops of the others stay loops."""
        for key, one in self._known.items():
            if one and not wanted(one):
                self._known[key] = None
                forget(one.kernel)

    def names(self) -> list[str]:
        """``PRECONDITIONER PART`` for each loop so far that is one kernel."""
        return [f"{preconditioner.name} {part}" for (preconditioner, part), one in self._known.items() if one]

    def forget(self) -> None:
        """Forgets all: a preconditioner was bound anew."""
        self._known.clear()


def _program(preconditioner: Preconditioner, condition: wp.array, body: Body, worlds: int) -> Program | None:
    system = preconditioner.system
    noted = None if system.in_layers else phases(condition, body)
    if noted is None or not all(launch.is_phase for launch in noted.launches()):
        return None
    blocks = blocks_for(noted, system, worlds)
    if not blocks:
        return None
    kernel, inputs = program(noted, blocks)
    return Program(kernel, inputs, blocks, system.device)


def phases(condition: wp.array, body: Body) -> Repeat | None:
    """What a loop would repeat; None if not by launches and loops alone. Nothing is launched."""
    notes = Notes()
    with spread_to(notes):
        notes.loop(condition, functools.partial(body, notes.loop))
    return notes.parts[0] if notes.is_all else None
