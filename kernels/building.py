"""How a kernel is put together: native (C++/CUDA) fragments, pasted into one body for the CPU and for CUDA.

A fragment lives in ``native/FOLDER/NAME.h``. ``body`` pastes some of them behind compile-time constants and the shared
prelude ``native/common/lanes.h``; ``block_kernel`` makes a ``wp.func_native`` of the text and a kernel that calls it.
Every body is written for a *block* of cooperating lanes: on CUDA a thread block, on the CPU a single lane that runs the
same loops serially, where the compiler vectorises them. So what the tests check on the CPU is the code that runs on a
GPU, up to barriers. ``native/README.md`` follows one kernel from its Python call to its CUDA source.
"""

import contextvars
import functools
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import warp as wp

FOLDER = Path(__file__).parent / "native"

BLOCK = 256
"""Lanes of a block on CUDA: a power of two, and whole warps, since reductions are trees."""


@dataclass(frozen=True)
class Shape:
    """What kernels know at compile time of a brick, the box of cells of one leaf."""

    dimension: int
    extent: tuple[int, int, int]

    @property
    def leaf_size(self) -> int:
        return self.extent[0] * self.extent[1] * self.extent[2]

    def __str__(self) -> str:
        return "x".join(str(e) for e in self.extent[3 - self.dimension :])


BUILT: dict[str, tuple[wp.Kernel, str]] = {}
"""Each kernel made by ``block_kernel`` and its native text, by ``MODULE.NAME``, for ``python -m hpsolver.kernels``."""


@functools.cache
def _fragment(name: str) -> str:
    return f"// ======== native/{name}.h\n" + (FOLDER / f"{name}.h").read_text()


def body(*names: str, shape: Shape | None = None, **constants: int | str | type) -> str:
    """The C++ text of a native function.

    Args:
        names: fragments pasted in this order, ``FOLDER/NAME``.
        shape: the brick; defines DIMS, BX, BY, BZ and L (cells of a leaf).
        constants: further compile-time constants; a Warp scalar type becomes a type alias, an int an int.
    """
    lines = []
    if shape is not None:
        constants = {"DIMS": shape.dimension, "DIRECTIONS": 2 * shape.dimension, "L": shape.leaf_size, **constants}
        constants |= dict(zip(("BX", "BY", "BZ"), shape.extent, strict=True))
    for key, value in constants.items():
        if isinstance(value, type):
            lines.append(f"using {key} = {C_TYPES[value]};")
        else:
            lines.append(f"constexpr int {key} = {int(value)};")
    return "\n".join([*lines, *(_fragment(name) for name in ("common/lanes", *names))])


C_TYPES = {wp.float16: "wp::half", wp.bfloat16: "wp::wp_bfloat16", wp.float32: "float", wp.float64: "double"}
TYPE_NAMES = {wp.float16: "f16", wp.bfloat16: "bf16", wp.float32: "f32", wp.float64: "f64"}


def module_name(group: str, *configuration: object) -> str:
    """One Warp module per kernel group and configuration, so that compiling one never rebuilds another."""
    words = [TYPE_NAMES.get(c, c) if isinstance(c, type) else c for c in configuration]
    return "hpsolver." + "_".join([group, *map(str, words)])


def array(dtype: type) -> wp.array:
    """The annotation of a one-dimensional kernel argument."""
    return wp.array(dtype=dtype)


def block_kernel(module: str, name: str, text: str, **arguments: object) -> wp.Kernel:
    """A kernel whose body is native text (see ``body``), run by each block.

    The text sees the block's number as ``slot`` and every argument by its name; arrays through ``.data``.

    Args:
        module: name of the Warp module that will hold it.
        name: the kernel's name.
        text: its body.
        arguments: name = Warp type, in the order of launch.
    """
    names = ", ".join(arguments)
    typed = ", ".join(f"{argument}: arguments[{argument!r}]" for argument in arguments)
    source = (
        f"def {name}_block(slot: wp.int32, {typed}): ...\n"
        f"def {name}({typed}):\n"
        f"    slot, _lane = wp.tid()\n"
        f"    {name}_block(slot, {names})\n"
    )
    # Warp reads a kernel's source back through inspect, which asks linecache for files that do not exist.
    file = f"<{module}.{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace = {"wp": wp, "arguments": arguments, "__name__": module}
    exec(compile(source, file, "exec"), namespace)
    namespace[f"{name}_block"] = wp.func_native(text)(namespace[f"{name}_block"])
    kernel = wp.kernel(namespace[name], module=module, enable_backward=False)
    BUILT[f"{module}.{name}"] = kernel, text
    return kernel


class Spread(Protocol):
    """Carries out launches in place of ``launch`` and ``launch_threads``, over many worlds for instance."""

    def launch(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> None: ...

    def launch_threads(self, kernel: wp.Kernel, threads: "Threads", inputs: Sequence[object]) -> None: ...

    def record(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> "Recorded": ...

    def each(self, function: Callable[[], None]) -> None: ...


SPREAD: contextvars.ContextVar[Spread | None] = contextvars.ContextVar("SPREAD", default=None)


def launch(kernel: wp.Kernel, blocks: int, inputs: Sequence[object], device: wp.Device) -> None:
    """Launches ``blocks`` blocks of a kernel made by ``block_kernel``; ``SPREAD``, if set, carries that out."""
    if spread := SPREAD.get():
        spread.launch(kernel, blocks, inputs)
    else:
        wp.launch_tiled(kernel, dim=[blocks], inputs=inputs, block_dim=BLOCK, device=device)


Threads = int | tuple[int, ...]
"""The number of threads, or for a grid of threads the number along each of three axes."""


def launch_threads(kernel: wp.Kernel, threads: Threads, inputs: Sequence[object], device: wp.Device) -> None:
    """Launches a kernel with this many threads; ``SPREAD``, if set, carries that out."""
    if spread := SPREAD.get():
        spread.launch_threads(kernel, threads, inputs)
    else:
        wp.launch(kernel, dim=threads, inputs=inputs, device=device)


def table(array: wp.array) -> wp.array:
    """Marks an array that no kernel writes: all worlds share it."""
    array.is_table = True
    return array


def rows(array: wp.array) -> wp.array:
    """Marks an array that already has a row for each world."""
    array.is_rows = True
    return array


def in_each_world(function: Callable[[], None]) -> None:
    """Runs (or records) a function that launches kernels other than ours, for each world of ``SPREAD`` in turn."""
    if spread := SPREAD.get():
        spread.each(function)
    else:
        function()


@dataclass(frozen=True)
class Recorded:
    """A launch recorded for repetition, at a quarter of the time in Python. ``places``: parameter of each argument."""

    command: wp.Launch
    places: Sequence[int]

    def launch(self, changed: Mapping[int, int | wp.array]) -> None:
        """Repeats the launch. ``changed`` maps the numbers of arguments to new values: plain integers, or arrays as the
        kernel takes them."""
        for number, value in changed.items():
            command, place = self.command, self.places[number]
            change = command.set_param_at_index_from_ctype if isinstance(value, int) else command.set_param_at_index
            change(place, value)
        self.command.launch()


def record(kernel: wp.Kernel, blocks: int, inputs: Sequence[object], device: wp.Device) -> Recorded:
    """Records the launch that ``launch`` would carry out."""
    if spread := SPREAD.get():
        return spread.record(kernel, blocks, inputs)
    command = wp.launch_tiled(kernel, dim=[blocks], inputs=inputs, block_dim=BLOCK, device=device, record_cmd=True)
    return Recorded(command, range(len(inputs)))
