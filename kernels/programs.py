"""A loop as one kernel: the launches of its body are its *phases*, which one cluster of blocks carries out in turn.

In a graph each launch costs about a microsecond before it does anything, and each pass of a loop five; a barrier of a
cluster costs half a microsecond. ``program`` writes the kernel around the bodies of the kernels that the loop would
launch, so what a phase computes is, bit for bit, what the launch computes. The blocks of the cluster share out the
items of each phase, and meet at a barrier before the next. Loops may be nested.

A cluster is scheduled as a whole, so its barrier cannot deadlock if every block passes the same ones. They do: they
leave a loop by its condition, one number that all read after a barrier, and that nobody writes before the next one. So
the first phase of a loop must not write its condition. A program of one block needs no cluster, and runs on any GPU.
"""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import warp as wp

from .building import BUILT, array, body
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

    Arrays that several launches share are one argument. Equal loops share one compiled kernel, since its module is
    named after its text.
    """
    text = _Text(blocks)
    text.repeat(repeat, "")
    return text.kernel(), text.inputs


def forget(kernel: wp.Kernel) -> None:
    """Forgets a program that cannot be compiled for the device."""
    BUILT.pop(f"{kernel.module.name}.program", None)


class _Text:
    """The text of a program, written line by line."""

    def __init__(self, blocks: int):
        self.inputs: list[object] = []
        self._blocks = blocks
        self._names: dict[object, str] = {}
        self._types: dict[str, object] = {}
        self._phases: dict[tuple[wp.Kernel, str], str] = {}
        self._functions: dict[str, tuple[wp.Kernel, Sequence[object]]] = {}
        self._lines: list[str] = []

    def repeat(self, repeat: Repeat, indent: str) -> None:
        self._lines.append(f"{indent}while {self._argument(array(wp.int32), repeat.condition)}[0] != 0:")
        for part in repeat.body:
            if isinstance(part, Repeat):
                self.repeat(part, indent + "    ")
            else:
                self._lines += [f"{indent}    {line}" for line in self._phase(part)]

    def _phase(self, launch: Launch) -> list[str]:
        types = launch.types
        name = self._phases.setdefault((launch.kernel, launch.overload), f"{launch.kernel.key}_{len(self._phases)}")
        self._functions[name] = launch.kernel, types
        given = ", ".join(map(self._argument, types, launch.inputs))
        items, barrier = self._argument(wp.int32, launch.items), "_cluster_barrier()"
        if self._blocks == 1:
            barrier = "_block_barrier()"
        if not launch.of_blocks:
            each = f"for _at in range(_block * _lanes + _lane, {items}, {self._blocks} * _lanes):"
            return [each, f"    {name}(_at, {given})", barrier]
        # The barrier in the loop: one item's shared memory was read, the next one's is written. The barrier behind it:
        # what this phase wrote, in any block, the next phases read.
        each = f"for _at in range(_block, {items}, {self._blocks}):"
        return [each, f"    {name}(_at, _lane, {given})", "    _block_barrier()", barrier]

    def _argument(self, kind: object, value: object) -> str:
        """The name of an argument, a new one unless it is an array that is there already."""
        key: object = (value.ptr, value.shape, value.dtype) if isinstance(value, wp.array) else len(self.inputs)
        if key not in self._names:
            self._names[key] = f"_{len(self.inputs)}"
            self._types[f"{self._names[key]}_type"] = kind
            self.inputs.append(value)
        return self._names[key]

    def kernel(self) -> wp.Kernel:
        arguments = [f"{name}: {name}_type" for name in self._names.values()]
        origins = [f"# {name}: {kernel.module.name} {overload}" for (kernel, overload), name in self._phases.items()]
        text = "\n".join([*origins, *arguments, *self._lines])
        module = f"hpsolver.program_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        name = f"{module}.program"
        if name not in BUILT:
            scope = {"_cluster_barrier": cluster_barrier, "_block_barrier": block_barrier, **self._types}
            scope |= {phase: as_function(k, phase, module, types) for phase, (k, types) in self._functions.items()}
            lines = [*PLACE, *self._lines]
            BUILT[name] = write_kernel("program", module, arguments, lines, scope, self._blocks), "\n".join(lines)
        return BUILT[name][0]
