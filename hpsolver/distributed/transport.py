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
"""Parts of a message begin at multiples of this many bytes."""


class RankError(RuntimeError):
    """Another rank failed, is gone, or was given something else."""


@dataclass(frozen=True)
class Rows:
    """An array as [sheets, rows, each]: each row has an owner, in all sheets.

    Attributes:
        kind: what a row belongs to: ``leaves``, ``slots``, or another key of ``Transport.owners``.
    """

    array: wp.array
    kind: str
    sheets: int
    each: int


@dataclass(frozen=True)
class Exchange:
    """A message in two parts; work that does not need it can be done between them."""

    begin: Callable[[], None]
    end: Callable[[], None]


class _Parcel:
    """Rows of some arrays in one message, which goes to a rank or comes from it.

    Args:
        views: each array as [sheets, rows, numbers of a row].
        rows: the numbers of the rows that the message holds, for each array.
    """

    def __init__(self, views: Sequence[torch.Tensor], rows: Sequence[torch.Tensor]):
        self._views, self._rows, self._places, self.length = views, rows, [], 0
        for view, index in zip(views, rows, strict=True):
            self._places.append(self.length)
            size = view.shape[0] * len(index) * view.shape[2] * view.element_size()
            self.length += -(-size // ALIGN) * ALIGN

    def lay_in(self, buffer: torch.Tensor) -> None:
        """Takes a buffer of ``length`` bytes or more as its memory."""
        self.buffer, self._windows = buffer, []
        for view, index, place in zip(self._views, self._rows, self._places, strict=True):
            sheets, _, each = view.shape
            size = sheets * len(index) * each * view.element_size()
            window = buffer[place : place + size].view(view.dtype)
            self._windows.append(window.view(sheets, len(index), each))

    def pack(self) -> None:
        for view, index, window in zip(self._views, self._rows, self._windows, strict=True):
            torch.index_select(view, 1, index, out=window)

    def unpack(self) -> None:
        for view, index, window in zip(self._views, self._rows, self._windows, strict=True):
            view.index_copy_(1, index, window)


class Transport:
    """Sends rows of arrays from their owners to the ranks that read them.

    Args:
        slabs: who owns what.
        slot_owner: [slots] rank of each partial sum.
        group: the ranks' process group; None: all ranks, or this process alone if there is no process group.
        device: device of the arrays.

    Attributes:
        owners: by kind of row, the rank that owns each row.
        messages, sent, gathered: number of messages that this rank has taken part in; bytes that it has sent; those of
            them that went to every rank.
    """

    def __init__(self, slabs: Slabs, slot_owner: np.ndarray, group: Group, device: wp.Device):
        self.slabs, self._group = slabs, group
        self._device = torch.device(wp.device_to_torch(device))
        self.owners = {"leaves": slabs.owner, "slots": slot_owner}
        self._indices: dict[tuple[object, ...], torch.Tensor] = {}
        self.messages = self.sent = self.gathered = 0

    def gather(self, parts: Sequence[Rows]) -> Callable[[], None]:
        """A function that brings every row of these arrays to every rank."""
        ranks, me = self.slabs.ranks, self.slabs.rank
        if ranks == 1:
            return _nothing
        views = [_view(part) for part in parts]
        parcels = [_Parcel(views, [self._owned(part.kind, rank) for part in parts]) for rank in range(ranks)]
        length = max(parcel.length for parcel in parcels)
        mine, received = self._bytes(length), self._bytes(ranks * length)
        for rank, parcel in enumerate(parcels):
            parcel.lay_in(mine if rank == me else received[rank * length : (rank + 1) * length])

        def carry() -> None:
            parcels[me].pack()
            self._call("gathering", lambda: dist.all_gather_into_tensor(received, mine, self._group))
            for rank, parcel in enumerate(parcels):
                if rank != me:
                    parcel.unpack()
            self.messages += 1
            self.sent += length * (ranks - 1)
            self.gathered += length * (ranks - 1)

        return self._in_stream(carry)

    def exchange(self, parts: Sequence[tuple[Rows, bool]]) -> Exchange:
        """The exchange that brings each reader the rows of these arrays across the cut: all of the leaves there or, if
        an array is so marked, only the layer of cells next to the cut."""
        views = [_view(part, by_cell) for part, by_cell in parts]
        sides = []
        for other, border in self.slabs.borders.items():
            ours = [border.cells if by_cell else border.leaves for _, by_cell in parts]
            theirs = [border.their_cells if by_cell else border.their_leaves for _, by_cell in parts]
            out, came = (_Parcel(views, [self._index(rows) for rows in side]) for side in (ours, theirs))
            for parcel in (out, came):
                parcel.lay_in(self._bytes(parcel.length))
            sides.append((self._global(other), out, came))
        requests: list[Any] = []

        def begin() -> None:
            operations = []
            for peer, out, came in sides:
                out.pack()
                operations.append(dist.P2POp(dist.isend, out.buffer, peer, self._group))
                operations.append(dist.P2POp(dist.irecv, came.buffer, peer, self._group))
                self.messages += 1
                self.sent += out.length
            if operations:
                self._call("exchanging borders", lambda: requests.extend(dist.batch_isend_irecv(operations)))

        def end() -> None:
            self._call("exchanging borders", lambda: _wait(requests))
            requests.clear()
            for _, _, came in sides:
                came.unpack()

        return Exchange(self._in_stream(begin), self._in_stream(end))

    def objects(self, mine: object) -> list[Any]:
        """An object from every rank, by rank."""
        if self.slabs.ranks == 1:
            return [mine]
        said: list[Any] = [None] * self.slabs.ranks
        self._call("comparing notes", lambda: dist.all_gather_object(said, mine, self._group))
        return said

    def numbers(self, mine: int) -> list[int]:
        """A number from every rank, by rank."""
        if self.slabs.ranks == 1:
            return [mine]
        said = torch.zeros(self.slabs.ranks, dtype=torch.int64, device=self._device)
        one = torch.tensor([mine], dtype=torch.int64, device=self._device)
        self._call("beginning a frame", lambda: dist.all_gather_into_tensor(said, one, self._group))
        numbers: list[int] = said.tolist()
        return numbers

    def _in_stream(self, carry: Callable[[], None]) -> Callable[[], None]:
        """``carry`` on Warp's stream, so that it packs, sends and unpacks in the order of Warp's launches."""
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
        """A roll call in the group's store: ranks that failed at the same message come here too."""
        gone = "another rank is gone, or did not come within the group's timeout"
        try:
            store = dist.distributed_c10d._get_default_store()  # there is no public way to it
            names = [f"hpsolver/here/{self._global(rank)}" for rank in range(self.slabs.ranks)]
            store.set(names[self.slabs.rank], "yes")
            end = time.monotonic() + ROLL_CALL
            missing = list(range(self.slabs.ranks))
            while missing and time.monotonic() < end:
                missing = [rank for rank in missing if not store.check([names[rank]])]
                time.sleep(0.05)
        except (AttributeError, RuntimeError):
            return f"{gone}; so is the group's store"
        return f"{gone}: no answer from rank {', '.join(map(str, missing))}" if missing else gone

    def _global(self, rank: int) -> int:
        """A rank's number among all processes, by which messages are addressed."""
        return rank if self._group is None else dist.get_global_rank(self._group, rank)

    def _owned(self, kind: str, rank: int) -> torch.Tensor:
        key = kind, rank
        if key not in self._indices:
            self._indices[key] = self._index(np.flatnonzero(self.owners[kind] == rank))
        return self._indices[key]

    def _index(self, numbers: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(numbers.astype(np.int64)).to(self._device)

    def _bytes(self, count: int) -> torch.Tensor:
        return torch.zeros(count, dtype=torch.uint8, device=self._device)


def _nothing() -> None: ...


def _wait(requests: Sequence[Any]) -> None:
    for request in requests:
        request.wait()


def _view(part: Rows, by_cell: bool = False) -> torch.Tensor:
    """[sheets, rows, each] of an array, or [sheets, rows * each, 1] by cell."""
    tensor: torch.Tensor = wp.to_torch(part.array, requires_grad=False)
    return tensor.view(part.sheets, -1, 1 if by_cell else part.each)
