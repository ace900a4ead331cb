"""The solver of one domain that several ranks share."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch.distributed as dist
import warp as wp

import hpsolver
from hpsolver import arrays, gradients
from hpsolver.arrays import Array
from hpsolver.diagnosis import SLOW, UNUSABLE
from hpsolver.given import look_at
from hpsolver.info import Status
from hpsolver.kernels import state as S
from hpsolver.preconditioners import make
from hpsolver.spreading import everywhere
from hpsolver.staging import Staging

from .ranks import Ranks
from .slabs import Slabs
from .transport import Group, RankError, Transport

if TYPE_CHECKING:
    import scipy.sparse

SHARED = ("none", "jacobi", "schwarz", "multigrid", "htp")
"""Preconditioners that ranks share."""

MOVING = ("solid", "air", "surface", "fraction")
GOOD, SINGLE = 1, 2 << len(MOVING)
"""Bits in a frame's code (``_words``): the rank can use its arrays; the pressure is returned in single precision."""


class Solver(hpsolver.Solver):
    """Solves one frame of a grid that is cut into slabs, one per rank.

    Every rank of a ``torch.distributed`` group makes one with the same arguments; without a process group it is a
    solver of one rank. Iterations, residuals and the bits of the pressure do not depend on how many ranks there are.

    Args:
        shape: cells per axis of the whole grid.
        group: the ranks; None: all of them.
        options: those of ``hpsolver.Solver``, but not ``worlds`` or ``threads``; the preconditioner is one of
            ``SHARED``, or ``auto``. The device is by default the GPU whose number is ``LOCAL_RANK``, as ``torchrun``
            sets it.

    Attributes:
        owned: this rank's part of the grid, one slice per axis. The caller's arrays have its shape.
        rank, ranks: this rank's number in the group, and how many there are.
        transport: counts ``messages`` and bytes ``sent`` by this rank.

    Raises:
        TypeError, ValueError: see ``hpsolver.Solver``; a preconditioner that ranks do not share; more ranks than layers
            of bricks.
        RankError: ranks were given different arguments, or are of different versions.

    ``step``, ``set_solid``, ``gather`` and ``matrix`` are collective: all ranks call them, in the same order. ``info``
    is not. A rank that dies or does not come makes the others raise ``RankError`` after the group's timeout.
    """

    _in_layers = True

    def __init__(self, shape: tuple[int, ...], *, group: Group = None, **options: Any):
        together = dist.is_available() and dist.is_initialized()
        self.rank, self.ranks = (dist.get_rank(group), dist.get_world_size(group)) if together else (0, 1)
        if options.get("worlds") is not None:
            raise ValueError(f"worlds: ranks share one grid, got worlds={options['worlds']!r}")
        if options.get("threads", 1) != 1:
            raise ValueError(f"threads: each rank has one, got threads={options['threads']!r}")
        self._check_alike(group, (hpsolver.__version__, shape, _described(options)))
        super().__init__(shape, **{"device": _own_device(), **options})
        if self.preconditioner.name not in SHARED:
            name, allowed = self.preconditioner.name, ", ".join(SHARED)
            raise ValueError(f"preconditioner {name!r} is not shared out among ranks; allowed: {allowed}")
        slabs = Slabs(self.grid, self.system.bricks, self.rank, self.ranks)
        first_leaf = np.arange(self.system.slots) * self.system.leaves // self.system.slots
        self.transport = Transport(slabs, slabs.owner[first_leaf], group, self.device)
        self._slabs, self.owned = slabs, slabs.owned
        self.local = dataclasses.replace(self.grid, shape=_lengths(self.owned))
        self._ranks = Ranks(self.system, slabs, self.transport)
        self.carrier = self._ranks
        self.staging = Staging(self.system, tuple(part.start for part in self.owned))
        self._frame = self._new_frame()

    def step(self, density: Array, rhs: Array, *, out: Array | None = None, **moving: Any) -> Any:
        """Solves one frame: ``hpsolver.Solver.step`` with the parts of all arrays that this rank owns.

        An array of faces holds those of the rank's cells, both ends included.

        Raises:
            TypeError, ValueError: one of this rank's arrays is not what it should be.
            RankError: one of another rank's arrays is not, or ranks do not give the same kinds of arrays.
        """
        if self.device.is_capturing:
            raise RuntimeError("step inside a capture: what ranks send each other cannot be recorded into your graph")
        self._check_frame(density, rhs, moving, out)
        pressure = super().step(density, rhs, out=out, **moving)
        self._report()
        return pressure

    def set_solid(self, mask: Array | None) -> None:
        """Sets the solid cells of this rank's part: ``hpsolver.Solver.set_solid``."""
        error: Exception | None = None
        try:
            mask = None if mask is None else hpsolver.options.check_solid(mask, self.local.shape)
        except (TypeError, ValueError) as raised:
            error = raised
        self._agreed(0 if error else GOOD, error, "a mask")
        super().set_solid(self._assembled(self.transport.objects(mask)))

    def gather(self, part: Array) -> np.ndarray:
        """A field of the whole grid, on every rank, from the parts that ranks own; for tests and small programs.

        Args:
            part: [owned] an array of any accepted kind.

        Returns:
            [shape] a NumPy array.
        """
        mine = part if arrays.kind_of(part) == "numpy" else wp.from_dlpack(part).numpy()
        whole = self._assembled(self.transport.objects(mine))
        assert whole is not None
        return whole

    def matrix(self, world: int = 0) -> scipy.sparse.csr_matrix:
        """A of the last frame, of the whole grid, on every rank: ``hpsolver.Solver.matrix``."""
        system = self.system
        with everywhere(self.carrier):
            self._ranks.everywhere(conductance=system.conductance, diagonal=system.diagonal, leak=system.leak)
        return super().matrix(world)

    def _assembled(self, parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
        given = [part is not None for part in parts]
        if not all(given):
            if any(given):
                raise RankError(
                    f"ranks disagree: rank {given.index(False)} gave no array, rank {given.index(True)} did"
                )
            return None
        whole = np.empty(self.grid.shape, dtype=parts[0].dtype)  # type: ignore[union-attr]
        for rank, part in enumerate(parts):
            whole[self._slabs.part(rank)] = part
        return whole

    def _report(self) -> None:
        """Reads the report now, while all ranks can send what it needs of their parts."""
        system, status = self.system, Status(int(self._pcg.counter.numpy()[S.STATUS]))
        with everywhere(self.carrier):
            if status is Status.NONFINITE_RHS:
                self._ranks.everywhere(rhs=system.rhs)
            elif status in UNUSABLE or status in SLOW or system.mended is not None:
                self._ranks.everywhere(density=system.given)
                if system.density is not system.given:
                    self._ranks.everywhere(density=system.density)
                if system.moving:
                    self._ranks.everywhere(kinds=system.moving.kinds, fluid=system.fluid)
                if system.moving and system.moving.share_of:
                    self._ranks.everywhere(shares=system.moving.shares)
            self.info  # noqa: B018 (kept until the next frame)

    def _check_alike(self, group: Group, mine: tuple[object, ...]) -> None:
        if self.ranks == 1:
            return
        said: list[Any] = [None] * self.ranks
        dist.all_gather_object(said, mine, group)
        for what, answers in zip(("version", "shape", "options"), zip(*said, strict=True), strict=True):
            for rank, answer in enumerate(answers):
                if answer != answers[0]:
                    raise RankError(f"ranks disagree on {what}: rank 0 has {answers[0]!r}, rank {rank} {answer!r}")

    def _check_frame(self, density: Array, rhs: Array, moving: dict[str, Any], out: Array | None) -> None:
        """Raises on all ranks what is wrong on one of them."""
        error: Exception | None = None
        values = tuple(moving.get(name) for name in MOVING)
        code = sum(2 << k for k, value in enumerate(values) if value is not None)
        try:
            if gradients.way(density, rhs, moving.get("fraction"), out):
                raise TypeError("gradients through ranks are not there yet: detach the arrays, or leave the tape")
            look_at(self.local, self.device, self.coefficients, density, rhs, values)
            target = arrays.adopt(rhs if out is None else out, "out", self.local.shape, self.device)
            code += GOOD + (target.dtype == "float32") * SINGLE
        except (TypeError, ValueError) as raised:
            error = raised
        codes = self._agreed(code, error, "an array")
        for rank, other in enumerate(codes):
            if other != codes[0]:
                raise RankError(
                    f"ranks disagree on a frame: rank 0 has {_words(codes[0])}, rank {rank} {_words(other)}"
                )

    def _agreed(self, code: int, error: Exception | None, what: str) -> list[int]:
        """The codes of all ranks; raises this rank's own error, or ``RankError`` if another rank has one."""
        codes = self.transport.numbers(code)
        if error:
            raise error
        for rank, other in enumerate(codes):
            if not other & GOOD:
                raise RankError(f"rank {rank} was given {what} that it cannot use; its own error says which")
        return codes


def _words(code: int) -> str:
    """What a frame is made of, from its code: bit 0 good, then ``MOVING``, then a pressure in single precision."""
    given = ["density", "rhs", *(name for k, name in enumerate(MOVING) if code & 2 << k)]
    return f"{', '.join(given)}, and a pressure in {'single' if code & SINGLE else 'double'} precision"


def _described(options: dict[str, Any]) -> list[str]:
    """Options, so that ranks can compare them: without the device, which may differ."""
    named = {name: value for name, value in options.items() if name != "device"}
    if "preconditioner" in named:
        chosen = make(named["preconditioner"]) if named["preconditioner"] != "auto" else None
        named["preconditioner"] = (chosen.name, sorted(map(repr, vars(chosen).items()))) if chosen else "auto"
    return [f"{name}={value!r}" for name, value in sorted(named.items())]


def _own_device() -> str | None:
    """The GPU of this rank, of those of its machine; None: Warp's current device."""
    gpus = wp.get_cuda_device_count()
    return f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % gpus}" if gpus else None


def _lengths(part: tuple[slice, ...]) -> tuple[int, ...]:
    return tuple(one.stop - one.start for one in part)
