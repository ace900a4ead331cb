"""A loop as one kernel: the launches of its body are its *phases*, which one cluster of blocks carries out in turn.

In a graph each launch costs about a microsecond before it does anything, and each pass of a loop five; a barrier of a
cluster costs half a microsecond. ``program`` writes the kernel around the bodies of the kernels that the loop would
launch, so what a phase computes is, bit for bit, what the launch computes. The blocks of the cluster share out the
items of each phase, and meet at a barrier before the next. Loops may be nested. Each phase is in the text once; the
order of the steps, and the numbers that a phase is given in each, are a table that every lane walks through.

A cluster is scheduled as a whole, so its barrier cannot deadlock if every block passes the same ones. They do: they
leave a loop by its condition, one number that all read after a barrier, and that nobody writes before the next one. So
the first phase of a loop must not write its condition. A program of one block needs no cluster, and runs on any GPU.
"""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp

from .building import BUILT, array, body, table
from .rewriting import as_function, place_of, write_kernel

MOST_BLOCKS = 16
"""Blocks of the largest cluster of any GPU."""

PLACE = ["_block, _lane = wp.tid()", "_lanes = wp.block_dim()"]
"""Where a lane finds its block, from 0 to ``blocks`` - 1, its place there, and how many lanes a block has."""


@wp.func_native(body("programs/cluster_barrier"))
def cluster_barrier(): ...


@wp.func_native(body("programs/block_barrier"))
def block_barrier(): ...


@dataclass(frozen=True)
class Launch:
    """A launch as it was asked for.

    Attributes:
        items: how many blocks of lanes (``of_blocks``), or threads.
    """

    kernel: wp.Kernel
    items: Any
    inputs: Sequence[Any]

    @property
    def of_blocks(self) -> bool:
        return place_of(self.kernel) == ("_item", "_lane")

    @property
    def is_phase(self) -> bool:
        """Whether a program can carry it out: its threads do not form a grid of three axes."""
        return isinstance(self.items, int)

    @property
    def types(self) -> tuple[object, ...]:
        """Types of the kernel's arguments; of a generic kernel, which has arrays only, those of ``inputs``."""
        if self.kernel.is_generic:
            return tuple(array(value.dtype) for value in self.inputs)
        return tuple(own.type for own in self.kernel.adj.args)

    @property
    def overload(self) -> str:
        """Which types a generic kernel is given."""
        return " ".join(value.dtype.__name__ for value in self.inputs) if self.kernel.is_generic else ""


@dataclass(frozen=True)
class Repeat:
    """Launches and further loops, repeated while ``condition`` [1] int32 is not zero."""

    condition: wp.array
    body: "list[Launch | Repeat]"

    def launches(self) -> "list[Launch]":
        """All launches, of inner loops too."""
        return all_launches(self.body)


def all_launches(parts: "Sequence[Launch | Repeat]") -> list[Launch]:
    """The launches among ``parts``, and those of loops."""
    found = ([part] if isinstance(part, Launch) else part.launches() for part in parts)
    return list(itertools.chain.from_iterable(found))


def program(repeat: Repeat, blocks: int) -> tuple[wp.Kernel, list[object]]:
    """The kernel that carries out ``repeat``, to be launched with ``blocks`` blocks, and its arguments.

    Arrays that several launches share are one argument. Loops of equal phases share one compiled kernel, since its
    module is named after its text.
    """
    text = _Text(blocks)
    text.repeat(repeat)
    return text.kernel(), [text.table(repeat.condition.device), *text.inputs]


def forget(kernel: wp.Kernel) -> None:
    """Forgets a program that cannot be compiled for the device."""
    BUILT.pop(f"{kernel.module.name}.program", None)


COLUMNS = 16
"""Numbers of a step."""

END = -1
"""The step after the last one."""

STEP = [
    "_step = int(0)",
    f"while _step != {END}:",
    f"    _row = _step * {COLUMNS}",
    "    _operation = _table[_row]",
    "    _step = _table[_row + 1]",
]
"""Where every lane finds what to do, and the next step."""


class _Text:
    """The text of a program, and the steps that it goes through.

    A phase, which is a kernel with its arrays, is in the text once, however often a loop launches it: so the code stays
    small, and grids with more levels share it. The steps are a table, a row for each. That of a phase: operation, next
    step, blocks or threads, and the whole numbers that its kernel is given. That of the head of a loop: operation,
    first step of the body, first step after the loop. Operations of phases count from 0 up, of heads from -1 down.
    """

    def __init__(self, blocks: int):
        self.inputs: list[object] = []
        self._blocks = blocks
        self._names: dict[object, str] = {}
        self._types: dict[str, object] = {}
        self._functions: dict[tuple[wp.Kernel, str], str] = {}
        self._typed: dict[str, tuple[wp.Kernel, Sequence[object]]] = {}
        self._phases: dict[tuple[str, ...], int] = {}
        self._heads: dict[str, int] = {}
        self._lines: list[str] = []
        self._steps: list[list[int]] = []
        self._ahead: list[tuple[int, int]] = []  # row and column of what leads to the step that is added next

    def repeat(self, repeat: Repeat) -> None:
        head = self._head(repeat.condition)
        for part in repeat.body:
            if isinstance(part, Repeat):
                self.repeat(part)
            else:
                self._phase(part)
        self._lead_to(head)
        self._ahead = [(head, 2)]

    def _head(self, condition: wp.array) -> int:
        name = self._argument(array(wp.int32), condition)
        if name not in self._heads:
            self._heads[name] = -1 - len(self._heads)
            self._lines += [f"if _operation == {self._heads[name]} and {name}[0] == 0:", "    _step = _table[_row + 2]"]
        return self._add(self._heads[name], END)

    def _phase(self, launch: Launch) -> None:
        given, numbers = [], []
        for kind, value in zip(launch.types, launch.inputs, strict=True):
            if kind is wp.int32 and len(numbers) < COLUMNS - 3:
                numbers.append(int(value))
                given.append(f"_table[_row + {2 + len(numbers)}]")
            else:
                given.append(self._argument(kind, value))
        phase = self._function(launch), *given
        if phase not in self._phases:
            self._phases[phase] = len(self._phases)
            self._lines.append(f"if _operation == {self._phases[phase]}:")
            self._lines += [f"    {line}" for line in self._text_of(launch, phase[0], given)]
        self._add(self._phases[phase], launch.items, *numbers)

    def _text_of(self, launch: Launch, function: str, given: Sequence[str]) -> list[str]:
        first, lane, stride, items = "_block", "_lane, ", str(self._blocks), "_table[_row + 2]"
        if not launch.of_blocks:
            first, lane, stride = "_block * _lanes + _lane", "", f"{self._blocks} * _lanes"
        each = [f"for _at in range({first}, {items}, {stride}):", f"    {function}(_at, {lane}{', '.join(given)})"]
        # The barrier in the loop: one item's shared memory was read, the next one's is written.
        return [*each, "    _block_barrier()"] if launch.of_blocks else each

    def _function(self, launch: Launch) -> str:
        name = f"{launch.kernel.key}_{len(self._functions)}"
        name = self._functions.setdefault((launch.kernel, launch.overload), name)
        self._typed[name] = launch.kernel, launch.types
        return name

    def _add(self, operation: int, *numbers: int) -> int:
        place = len(self._steps)
        self._lead_to(place)
        self._steps.append([operation, END, *numbers])
        self._ahead = [(place, 1)]
        return place

    def _lead_to(self, place: int) -> None:
        for row, column in self._ahead:
            self._steps[row][column] = place

    def _argument(self, kind: object, value: object) -> str:
        """The name of an argument, a new one unless its array or its value is there already."""
        key: object = (value.ptr, value.shape, value.dtype) if isinstance(value, wp.array) else (kind, value)
        if key not in self._names:
            self._names[key] = f"_{len(self.inputs)}"
            self._types[f"{self._names[key]}_type"] = kind
            self.inputs.append(value)
        return self._names[key]

    def table(self, device: wp.Device) -> wp.array:
        """[steps * COLUMNS] the steps, row by row."""
        rows = np.zeros((len(self._steps), COLUMNS), dtype=np.int32)
        for row, step in zip(rows, self._steps, strict=True):
            row[: len(step)] = step
        return table(wp.array(rows.ravel(), dtype=wp.int32, device=device))

    def kernel(self) -> wp.Kernel:
        arguments = ["_table: _table_type", *(f"{name}: {name}_type" for name in self._names.values())]
        # The barrier behind a phase: what it wrote, in any block, the next phases and heads read.
        lines = [*STEP, *(f"    {line}" for line in self._lines), "    if _operation >= 0:", "        _barrier()"]
        origins = [f"# {name}: {kernel.module.name} {overload}" for (kernel, overload), name in self._functions.items()]
        text = "\n".join([f"# {self._blocks} blocks", *origins, *arguments, *lines])
        module = f"hpsolver.program_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        name = f"{module}.program"
        if name not in BUILT:
            barrier = block_barrier if self._blocks == 1 else cluster_barrier
            scope = {"_barrier": barrier, "_block_barrier": block_barrier, "_table_type": array(wp.int32)}
            scope |= {function: as_function(k, function, module, types) for function, (k, types) in self._typed.items()}
            made = write_kernel("program", module, arguments, [*PLACE, *lines], scope | self._types, self._blocks)
            BUILT[name] = made, "\n".join([*PLACE, *lines])
        return BUILT[name][0]
