"""The frame of one solver, shared out among ranks: each does the items (blocks or threads) of its own leaves.

The rest of the code knows one process, and records its launches as always. ``Ranks`` carries out each launch for the
leaves that this rank owns (``access`` says what a kernel reads and writes). Before a launch that reads across a cut, it
brings what changed there from the owners. Arrays have the whole grid's length on every rank, so kernels and numbering
are those of one process; a shared array is valid in the rank's own part and at the borders.

Whatever a rank computes, it computes by the same kernel from the same numbers as one process would, and all sums are
over partial sums of whole layers of bricks, in their order. So results are, bit for bit, those of one process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import warp as wp

from hpsolver.capture import CHUNK, Pieces
from hpsolver.compiling import load
from hpsolver.kernels.building import Recorded, Threads, launch, launch_threads, record
from hpsolver.kernels.parts import over_part, own_of
from hpsolver.kernels.rewriting import kernel_name
from hpsolver.pcg import Loop
from hpsolver.spreading import kernels_of, noted, spread_to
from hpsolver.system import System

from .access import ACCESS, rows_of
from .black_box_cycle import BlackBoxCycle
from .geometric_cycle import GeometricCycle
from .items import ALL, AT_CUT, INSIDE, Items
from .known import CELLS, EVERYWHERE, LEAVES, OWN, Known, root
from .planes import Part
from .slabs import Slabs
from .transport import Exchange, Rows, Transport


class Ranks:
    """Launches of a solver, shared out (``hpsolver.kernels.building.Spread``)."""

    def __init__(self, system: System, slabs: Slabs, transport: Transport):
        self._system, self._slabs, self._transport = system, slabs, transport
        self._device = system.device
        self._cycles: dict[str, GeometricCycle | BlackBoxCycle] = {
            "geometric": GeometricCycle(system, slabs),
            "multigrid": BlackBoxCycle(system, slabs),
        }
        transport.owners["geometric"] = self._cycles["geometric"].owner()
        transport.owners["black box"] = self._cycles["multigrid"].owner()
        self._is_own = wp.array((slabs.owner == slabs.rank).astype(np.int32), dtype=wp.int32, device=self._device)
        self.forget()

    first_thread = True

    def forget(self, but: wp.array | None = None) -> None:
        """Forgets all arrays but one, since the solver was bound to others."""
        self._known = Known()
        if but is not None:
            self._known.note(but, OWN)
        self._items = Items(self._system, self._slabs)
        self._gathers: dict[tuple[object, ...], Callable[[], None]] = {}
        self._exchanges: dict[tuple[object, ...], Exchange] = {}
        self._parts: dict[tuple[object, ...], Part | None] = {}
        self._due: tuple[wp.array, wp.array] | None = None
        self._pieces: Pieces | None = None
        self._launches = True

    def all(self) -> contextlib.AbstractContextManager[None]:
        """A context in which launches are shared out."""
        return spread_to(self)

    def carry_out(self, part: Callable[[Loop], None], loop: Loop) -> None:
        """Runs a part of a frame. Its loops run on the host, which sends the messages in them."""
        with self.all():
            part(self._by_host)

    def capture(self, part: Callable[[Loop], None]) -> Callable[[], None]:
        """Captures a part of a frame as graphs with messages between them."""
        with self.all():
            self._known.doubt()
            self._settle(lambda: part(self._rehearsed))
            pieces = Pieces(self._device, CHUNK if self._device.is_cuda else 1)
            self._pieces = pieces
            replay = pieces.record(lambda loop: part(self._recorded(loop)))
            self._pieces = None
        return replay

    def compile(self, run: Callable[[], None]) -> None:
        """Compiles and loads what ``run`` launches; runs nothing."""
        kernels = kernels_of(noted(run))
        shared = [k for k in kernels if kernel_name(k) in ACCESS or kernel_name(k).split(".")[0] in self._cycles]
        load([*kernels, *map(over_part, shared)], self._device)

    def kernel(self, kernel: wp.Kernel) -> wp.Kernel:
        """The kernel itself; what ranks share is launched in pieces."""
        return kernel

    def each(self, function: Callable[[], None]) -> None:
        raise NotImplementedError("a preconditioner whose kernels are not ours cannot be shared out among ranks")

    def everywhere(self, **arrays: wp.array) -> None:
        """Brings arrays, named as kernels name them, to all ranks now, whatever is known of them."""
        for array in arrays.values():
            self._known.note(array, OWN)
        self._gather({name: (array, EVERYWHERE) for name, array in arrays.items()})

    def shares(self, kernel: wp.Kernel, inputs: Sequence[object]) -> bool:
        """Whether ranks share a launch; otherwise each of them does it as a whole."""
        name = kernel_name(kernel)
        return name in ACCESS or self._part(name, _given(kernel, inputs)) is not None

    # Launches

    def launch(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> None:
        self._launch(kernel, blocks, inputs, launch)

    def launch_threads(self, kernel: wp.Kernel, threads: Threads, inputs: Sequence[object]) -> None:
        self._launch(kernel, threads, inputs, launch_threads)

    def record(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> Recorded:
        given = _given(kernel, inputs)
        access = ACCESS[kernel_name(kernel)]
        mine, each = self._items.of(access, blocks, given)
        for name in access.writes:
            self._known.note(given[name], OWN)
        with spread_to(None):
            ours = record(over_part(kernel), mine.size * each, [mine, each, *inputs], self._device)
        return Recorded(ours.command, range(2, 2 + len(inputs)))

    def _launch(
        self,
        kernel: wp.Kernel,
        count: Threads,
        inputs: Sequence[object],
        way: Callable[[wp.Kernel, Any, Sequence[object], wp.Device], None],
    ) -> None:
        given = _given(kernel, inputs)
        if part := self._part(kernel_name(kernel), given):
            self._launch_part(kernel, given, part)
            return
        access = ACCESS.get(kernel_name(kernel))
        if access is None or (access.items == "cells" and count != self._system.size):
            arrays = {name: value for name, value in given.items() if isinstance(value, wp.array)}
            self._gather({name: (array, EVERYWHERE) for name, array in arrays.items()})
            if self._launches:
                with spread_to(None):
                    way(kernel, count, inputs, self._device)
            return
        reads: dict[str, tuple[object, int]] = {}
        swept = -1 - cast(int, given["first"]) if access.coupled else None
        if access.coupled is None or given[access.coupled]:
            for level, names in ((CELLS, access.cells), (LEAVES, access.leaves), (EVERYWHERE, access.everywhere)):
                reads |= {name: (given[name], level) for name in names if self._known.of(given[name]) != swept}
        wanted = cast(dict[str, tuple[wp.array, int]], reads)
        self._gather(wanted)
        exchange = self._exchange(wanted)

        def do(which: str) -> None:
            with spread_to(None):
                if access.items == "all":
                    way(kernel, count, inputs, self._device)
                elif access.items == "due":
                    way(kernel, count, self._own_due(given), self._device)
                else:
                    mine, each = self._items.of(access, cast(int, count), given, which)
                    if mine.size:
                        way(over_part(kernel), mine.size * each, [mine, each, *inputs], self._device)

        if exchange:
            self._step(lambda: exchange().begin)
            do(INSIDE)
            self._step(lambda: exchange().end)
            do(AT_CUT)
        elif self._launches:
            do(ALL)
        for name in access.writes:
            within = swept is not None and name in access.cells and self._known.of(given[name]) in (CELLS, swept)
            self._known.note(given[name], cast(int, swept) if within else OWN)

    def _part(self, name: str, given: dict[str, object]) -> Part | None:
        """Our part of a launch of a multigrid cycle that is shared; None: it is no such launch."""
        group, _, short = name.partition(".")
        cycle = self._cycles.get(group)
        if cycle is None or not cycle.shared:
            return None
        numbers = cast(wp.array, given["numbers"])
        key = name, given.get("level"), given.get("step"), given.get("first"), numbers.ptr
        if key not in self._parts:
            self._parts[key] = cycle.part(short, given)
        return self._parts[key]

    def _launch_part(self, kernel: wp.Kernel, given: dict[str, object], part: Part) -> None:
        exchange = self._exchange({name: (cast(wp.array, given[name]), LEAVES) for name in part.reads})
        if exchange:
            self._step(lambda: exchange().begin)
            self._step(lambda: exchange().end)
        if self._launches:
            mine = self._items.listed(("part", id(part)), lambda: part.items)
            inputs = list((given | ({"slots": part.slots} if part.slots else {})).values())
            with spread_to(None):
                launch(over_part(kernel), mine.size, [mine, 1, *inputs], self._device)
            if part.after:
                self._step(lambda: self._gathering(part.after))
        for name in ("z_", "rz_slots"):
            if name in given:
                self._known.note(given[name], OWN)

    def _own_due(self, given: dict[str, object]) -> list[object]:
        """The inputs of a launch over due leaves, with only ours in the list; kernel ``plan`` has listed them all."""
        if "due" in given:
            due, count = cast(wp.array, given["due"]), cast(wp.array, given["count"])
            if self._due is None:
                self._due = wp.zeros_like(due), wp.zeros_like(count)
            wp.launch(own_of, dim=1, inputs=[due, count, self._is_own, *self._due], device=self._device)
        assert self._due is not None
        mine = {"due": self._due[0], "count": self._due[1]}
        return [mine.get(name, value) for name, value in given.items()]

    # What is known

    def _gather(self, reads: dict[str, tuple[wp.array, int]]) -> None:
        """Brings to all ranks, in one message, what they lack of these arrays."""
        rows = self._lacking({name: read for name, read in reads.items() if read[1] == EVERYWHERE})
        if rows and self._launches:
            self._step(lambda: self._gathering([part for part, _ in rows.values()]))

    def _gathering(self, parts: Sequence[Rows]) -> Callable[[], None]:
        key = tuple(part.array.ptr for part in parts)
        if key not in self._gathers:
            self._gathers[key] = self._transport.gather(parts)
        return self._gathers[key]

    def _exchange(self, reads: dict[str, tuple[wp.array, int]]) -> Callable[[], Exchange] | None:
        """The message that brings across the cut what ranks lack of these arrays there; None: they lack nothing."""
        rows = self._lacking({name: read for name, read in reads.items() if read[1] != EVERYWHERE})

        def exchange() -> Exchange:
            key = tuple((ptr, by_cell) for ptr, (_, by_cell) in rows.items())
            if key not in self._exchanges:
                self._exchanges[key] = self._transport.exchange(list(rows.values()))
            return self._exchanges[key]

        return exchange if rows and self._launches else None

    def _lacking(self, reads: dict[str, tuple[wp.array, int]]) -> dict[int, tuple[Rows, bool]]:
        """By address, the arrays not known as far as they are read, and whether cells suffice; notes them as known."""
        lacking = {}
        for name, (array, level) in reads.items():
            if self._known.of(array) < level:
                whole = root(array)
                lacking[whole.ptr] = rows_of(self._system, name, whole), level == CELLS
                self._known.note(array, level)
        return lacking

    def _step(self, make: Callable[[], Callable[[], None]]) -> None:
        """Does the step now, or, while a frame is recorded, at each replay."""
        if self._pieces:
            self._pieces.insert(make)
        else:
            make()()

    # Loops

    def _by_host(self, condition: wp.array, body: Callable[[], None]) -> None:
        while condition.numpy()[0]:
            body()

    def _rehearsed(self, _condition: wp.array, body: Callable[[], None]) -> None:
        self._settle(body)

    def _settle(self, body: Callable[[], None]) -> None:
        """Finds what is known whenever an iteration of a loop begins; launches and sends nothing."""
        before, self._launches = self._launches, False
        self._known.settle(body)
        self._launches = before

    def _recorded(self, loop: Loop) -> Loop:
        def recorded(condition: wp.array, body: Callable[[], None]) -> None:
            self._settle(body)
            if self._launches:
                begin = self._known.now()
                loop(condition, body)
                self._known.no_more_than(begin)

        return recorded


def _given(kernel: wp.Kernel, inputs: Sequence[object]) -> dict[str, object]:
    return dict(zip((argument.label for argument in kernel.adj.args), inputs, strict=True))
