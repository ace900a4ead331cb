"""Between a caller's arrays, of any kind and strides, and ours in brick order."""

from __future__ import annotations

import warp as wp

from hpsolver.kernels.assembly import staging
from hpsolver.kernels.building import launch, record

from . import arrays
from .system import System


class Staging:
    """Copies in and out. A launch is recorded once for each dtype, strides and vector; then only the address varies."""

    def __init__(self, system: System):
        self._system = system
        self._commands: dict[tuple[str, str, tuple[int, ...], int], wp.Launch] = {}

    def forget(self) -> None:
        """After ``System.set_solid``, which brings other buffers."""
        self._commands.clear()

    def pack(self, source: arrays.Adopted, vector: wp.array, once: bool = False) -> None:
        """vector [N] = source in the fluid, else 0; ``once``: launched, as a capture needs, and nothing is kept."""
        self._copy("pack", source, [self._system.fluid, vector], once)

    def unpack(self, target: arrays.Adopted, vector: wp.array, once: bool = False) -> None:
        """target = vector [N]."""
        self._copy("unpack", target, [vector], once)

    def _copy(self, name: str, theirs: arrays.Adopted, ours: list[wp.array], once: bool) -> None:
        system = self._system
        kernel = getattr(staging(system.shape, arrays.DTYPES[theirs.dtype]), name)
        strides = (0,) * (3 - system.grid.dimension) + theirs.strides
        inputs = [theirs.pointer, *strides, system.origin, system.used, *ours]
        if once:
            launch(kernel, system.leaves, inputs, system.device)
            return
        key = name, theirs.dtype, theirs.strides, ours[-1].ptr
        if key not in self._commands:
            self._commands[key] = record(kernel, system.leaves, inputs, system.device)
        command = self._commands[key]
        command.set_param_at_index_from_ctype(0, theirs.pointer)
        command.launch()
