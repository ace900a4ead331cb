"""Messages between ranks, all by ``torch.distributed``: NCCL between GPUs, gloo between processes on CPUs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import warp as wp

from .slabs import Slabs

Group = Any
"""A ``torch.distributed`` process group; None is the one of all ranks."""

ROLL_CALL = 2.0
"""Seconds that ranks have, once a message has failed, to say that they are still there."""

ALIGN = 16
"""Parts of a message begin at multiples of so many bytes."""


class RankError(RuntimeError):
    """Another rank failed, is gone, or was given something else."""


@dataclass(frozen=True)
class Rows:
    """An array as ``planes`` times rows that somebody owns, of ``each`` numbers.

    Attributes:
        kind: what a row belongs to, ``leaves``, ``slots`` or what else has owners (``Transport.owners``).
    """

    array: wp.array
    kind: str
    planes: int
    each: int


@dataclass(frozen=True)
class Exchange:
    """A message in two parts: what does not need it can be done between them."""

    begin: Callable[[], None]
    end: Callable[[], None]


@dataclass(frozen=True)
class _Side:
    """What goes to one rank, or comes from it: rows of some arrays, in a buffer."""

    buffer: torch.Tensor
    views: Sequence[torch.Tensor]
    rows: Sequence[torch.Tensor]
    windows: Sequence[torch.Tensor]

    def pack(self) -> None:
        for view, index, window in zip(self.views, self.rows, self.windows, strict=True):
            torch.index_select(view, 1, index, out=window)

    def unpack(self) -> None:
        for view, index, window in zip(self.views, self.rows, self.windows, strict=True):
            view.index_copy_(1, index, window)


class Transport:
    """Sends rows of arrays from their owners to who reads them.

    Args:
        slabs: who owns what.
        slot_owner: [slots] rank of each partial sum.
        group: of ranks; None: all of them, or this process alone where there is no process group.
        device: of the arrays.

    Attributes:
        owners: by kind of row, rank of each one.
        messages, sent, gathered: how many this rank has taken part in; bytes that it has sent, and those of them that
            went to every rank.
    """

    def __init__(self, slabs: Slabs, slot_owner: np.ndarray, group: Group, device: wp.Device):
        self.slabs, self._group = slabs, group
        self._device = torch.device(wp.device_to_torch(device))
        self.owners = {"leaves": slabs.owner, "slots": slot_owner}
        self._indices: dict[tuple[object, ...], torch.Tensor] = {}
        self.messages = self.sent = self.gathered = 0

    def gather(self, parts: Sequence[Rows]) -> Callable[[], None]:
        """What brings every row of these arrays to every rank."""
        ranks, me = self.slabs.ranks, self.slabs.rank
        if ranks == 1:
            return _nothing
        rows = [[self._rows(part.kind, rank) for part in parts] for rank in range(ranks)]
        sizes = [_layout(parts, [len(index) for index in mine]) for mine in rows]
        length = max(total for _, total in sizes)
        sent = torch.zeros(length, dtype=torch.uint8, device=self._device)
        received = torch.zeros((ranks, length), dtype=torch.uint8, device=self._device)
        views = [_view(part, by_cell=False) for part in parts]
        out = _windows(sent, views, sizes[me][0], [len(index) for index in rows[me]])
        others = [rank for rank in range(ranks) if rank != me]
        came = {r: _windows(received[r], views, sizes[r][0], [len(index) for index in rows[r]]) for r in others}

        def carry() -> None:
            for view, index, window in zip(views, rows[me], out, strict=True):
                torch.index_select(view, 1, index, out=window)
            self._call("gathering", lambda: dist.all_gather_into_tensor(received.view(-1), sent, self._group))
            for rank in others:
                for view, index, window in zip(views, rows[rank], came[rank], strict=True):
                    view.index_copy_(1, index, window)
            self.messages += 1
            self.sent += length * (ranks - 1)
            self.gathered += length * (ranks - 1)

        return self._in_stream(carry)

    def exchange(self, parts: Sequence[tuple[Rows, bool]]) -> Exchange:
        """What brings, of each array, what lies across the cut to its reader: all of the leaves there or, where so
        marked, the layer of cells next to the cut alone."""
        views = [_view(part, by_cell) for part, by_cell in parts]
        arrays = [part for part, _ in parts]
        each = [1 if by_cell else None for _, by_cell in parts]
        sides = []
        for other, border in self.slabs.borders.items():
            mine = [self._index(border.cells if by_cell else border.leaves) for _, by_cell in parts]
            theirs = [self._index(border.their_cells if by_cell else border.their_leaves) for _, by_cell in parts]
            out, came = (self._side(arrays, views, index, each) for index in (mine, theirs))
            peer = other if self._group is None else dist.get_global_rank(self._group, other)
            sides.append((peer, out, came))
        requests: list[Any] = []

        def begin() -> None:
            operations = []
            for peer, out, came in sides:
                out.pack()
                operations.append(dist.P2POp(dist.isend, out.buffer, peer, self._group))
                operations.append(dist.P2POp(dist.irecv, came.buffer, peer, self._group))
                self.messages += 1
                self.sent += len(out.buffer)
            if operations:
                self._call("exchanging borders", lambda: requests.extend(dist.batch_isend_irecv(operations)))

        def end() -> None:
            self._call("exchanging borders", lambda: _wait(requests))
            requests.clear()
            for _, _, came in sides:
                came.unpack()

        return Exchange(self._in_stream(begin), self._in_stream(end))

    def _side(
        self,
        arrays: Sequence[Rows],
        views: Sequence[torch.Tensor],
        rows: Sequence[torch.Tensor],
        each: Sequence[int | None],
    ) -> _Side:
        counts = [len(index) for index in rows]
        places, total = _layout(arrays, counts, each)
        buffer = torch.zeros(total, dtype=torch.uint8, device=self._device)
        return _Side(buffer, views, rows, _windows(buffer, views, places, counts))

    def objects(self, mine: object) -> list[Any]:
        """What every rank says, by rank."""
        if self.slabs.ranks == 1:
            return [mine]
        said: list[Any] = [None] * self.slabs.ranks
        self._call("comparing notes", lambda: dist.all_gather_object(said, mine, self._group))
        return said

    def numbers(self, mine: int) -> list[int]:
        """A number of every rank, by rank."""
        if self.slabs.ranks == 1:
            return [mine]
        said = torch.zeros(self.slabs.ranks, dtype=torch.int64, device=self._device)
        one = torch.tensor([mine], dtype=torch.int64, device=self._device)
        self._call("beginning a frame", lambda: dist.all_gather_into_tensor(said, one, self._group))
        return [int(number) for number in said.tolist()]

    def _in_stream(self, carry: Callable[[], None]) -> Callable[[], None]:
        """Packs, sends and unpacks in the order of Warp's launches: on its stream."""
        if self._device.type == "cpu":
            return carry
        device = wp.device_from_torch(self._device)

        def in_stream() -> None:
            with torch.cuda.stream(wp.stream_to_torch(device)):
                carry()

        return in_stream

    def _call(self, what: str, collective: Callable[[], object]) -> None:
        try:
            collective()
        except RuntimeError as error:
            raise RankError(
                f"rank {self.slabs.rank} of {self.slabs.ranks}, {what}: {self._who_is_missing()} ({error})"
            ) from error

    def _who_is_missing(self) -> str:
        """A roll call in the group's store, since those who failed at the same message come here too."""
        gone = "another rank is gone, or did not come within the group's timeout"
        try:
            store = dist.distributed_c10d._get_default_store()  # there is no public way to it
            names = [f"hpsolver/here/{rank}" for rank in range(self.slabs.ranks)]
            store.set(names[self.slabs.rank], "yes")
            end = time.monotonic() + ROLL_CALL
            missing = list(range(self.slabs.ranks))
            while missing and time.monotonic() < end:
                missing = [rank for rank in missing if not store.check([names[rank]])]
                time.sleep(0.05)
        except (AttributeError, RuntimeError):
            return f"{gone}; so is the group's store"
        return f"{gone}: no answer from rank {', '.join(map(str, missing))}" if missing else gone

    def _rows(self, kind: str, rank: int) -> torch.Tensor:
        key = kind, rank
        if key not in self._indices:
            self._indices[key] = self._index(np.flatnonzero(self.owners[kind] == rank))
        return self._indices[key]

    def _index(self, numbers: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(numbers.astype(np.int64)).to(self._device)


def _nothing() -> None: ...


def _wait(requests: Sequence[Any]) -> None:
    for request in requests:
        request.wait()


def _view(part: Rows, by_cell: bool) -> torch.Tensor:
    """[planes, rows, each] of an array, or [planes, rows * each, 1] by cell."""
    tensor: torch.Tensor = wp.to_torch(part.array, requires_grad=False)
    return tensor.view(part.planes, -1, 1 if by_cell else part.each)


def _layout(
    parts: Sequence[Rows], counts: Sequence[int], each: Sequence[int | None] | None = None
) -> tuple[list[int], int]:
    """Where each array's rows begin in a message, and its length in bytes."""
    places, end = [], 0
    for part, count, one in zip(parts, counts, each or [None] * len(parts), strict=True):
        places.append(end)
        size = part.planes * count * (one or part.each) * wp.types.type_size_in_bytes(part.array.dtype)
        end += -(-size // ALIGN) * ALIGN
    return places, end


def _windows(
    buffer: torch.Tensor, views: Sequence[torch.Tensor], places: Sequence[int], counts: Sequence[int]
) -> list[torch.Tensor]:
    """The parts of a message, typed and shaped as the rows they hold."""
    windows = []
    for view, place, count in zip(views, places, counts, strict=True):
        planes, _, each = view.shape
        size = planes * count * each * view.element_size()
        windows.append(buffer[place : place + size].view(view.dtype).view(planes, count, each))
    return windows
