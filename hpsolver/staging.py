"""Copies between a caller's arrays, of any kind and strides, and ours in brick order."""

from __future__ import annotations

import dataclasses
from typing import Any

import warp as wp

from hpsolver.kernels.assembly import staging, wrap_shares
from hpsolver.kernels.building import Recorded, launch, launch_threads, record

from . import arrays
from .arrays import Address, Adopted
from .given import Given
from .moving import MovingFluid
from .system import System

ADDRESSES = {"pack": (0,), "unpack": (0,), "classify": (0, 4, 5)}
"""By kernel, the places of the arguments that are addresses of the caller's arrays."""


class Staging:
    """Copies in and out. A launch is recorded once for each dtype, strides and vector; then only addresses vary.

    Args:
        corner: the cell of the grid that the caller's arrays begin with; None: its first.
    """

    def __init__(self, system: System, corner: tuple[int, ...] | None = None):
        self._system, self._corner = system, corner
        self._commands: dict[tuple[object, ...], Recorded] = {}

    def forget(self) -> None:
        """Forgets recorded launches: ``System.set_solid`` and ``System.move`` make other buffers."""
        self._commands.clear()

    def bring(self, given: Given, once: bool = False) -> None:
        """Brings in a frame's inputs; ``once``: launches the kernels, as a capture needs, and keeps no launch."""
        system = self._system
        if system.moving:
            self._classify(given, system.moving, once)
            self._bring_faces(given, system.moving, once)
        if given.density is not None:
            self.pack(given.density, system.given, once)
        self.pack(given.rhs, system.rhs, once)
        system.weigh()

    def pack(self, source: Adopted, vector: wp.array, once: bool = False) -> None:
        """vector [N] = source in the fluid, else 0."""
        self._copy("pack", source, [self._system.fluid, vector], once)

    def unpack(self, target: Adopted, vector: wp.array, once: bool = False) -> None:
        """target = vector [N]."""
        self._copy("unpack", target, [vector], once)

    def _copy(self, name: str, theirs: Adopted, ours: list[wp.array], once: bool) -> None:
        system = self._system
        inputs = [self._address(theirs), *self._strides(theirs), system.origin, system.used, *ours]
        self._launch(name, theirs.dtype, theirs.strides, inputs, once)

    def _classify(self, given: Given, moving: MovingFluid, once: bool) -> None:
        system = self._system
        found = [given.surface, given.solid, given.air]
        pointers = [self._address(array) if array else Address(0) for array in found]
        strides = [self._strides(array) if array else (0, 0, 0) for array in found]
        dtype = given.surface.dtype if given.surface else "float64"
        inputs = [pointers[0], *strides[0], *pointers[1:], *strides[1], *strides[2], system.origin, system.used]
        inputs += [moving.resting, moving.kinds, system.fluid, moving.phi]
        self._launch("classify", dtype, tuple(strides), inputs, once)

    def _bring_faces(self, given: Given, moving: MovingFluid, once: bool) -> None:
        system = self._system
        if not given.faces:
            system.stretch(given=False)
            return
        for axis, low in enumerate(given.faces):
            direction = 2 * (system.grid.dimension - 1 - axis)
            high = dataclasses.replace(low, pointer=low.pointer + low.strides[axis])
            ours = moving.share_of[direction], moving.share_of[direction + 1]
            self._copy("pack", low, [moving.inside, ours[0]], once)
            self._copy("pack", high, [moving.inside, ours[1]], once)
            if system.grid.periodic(axis):
                across = system.cell_across[(direction + 1) * system.size : (direction + 2) * system.size]
                launch_threads(wrap_shares, system.size, [across, *ours], system.device)
        if system.grid.sizes:
            system.stretch(given=True)

    def _address(self, theirs: Adopted) -> Address:
        """The address that the grid's first cell would have."""
        if self._corner is None:
            return theirs.address
        before = sum(cell * stride for cell, stride in zip(self._corner, theirs.strides, strict=True))
        return Address(theirs.pointer - before, theirs.step)

    def _strides(self, theirs: Adopted) -> tuple[int, ...]:
        return (0,) * (3 - self._system.grid.dimension) + theirs.strides

    def _launch(self, name: str, dtype: str, strides: tuple[object, ...], inputs: list[Any], once: bool) -> None:
        system = self._system
        kernel = getattr(staging(system.shape, arrays.DTYPES[dtype]), name)
        if once:
            launch(kernel, system.leaves, inputs, system.device)
            return
        addresses = {place: inputs[place] for place in ADDRESSES[name]}
        key = name, dtype, strides, *(address.step for address in addresses.values()), inputs[-1].ptr
        if key not in self._commands:
            self._commands[key] = record(kernel, system.leaves, inputs, system.device)
        self._commands[key].launch(addresses)
