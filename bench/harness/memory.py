"""Memory that a solver takes: bytes of its arrays, and resident memory of the process."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from pathlib import Path

import torch
import warp as wp

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def held() -> int:
    """Bytes of all Warp arrays and Torch tensors alive in this process, each allocation once.

    The difference of two readings is what was made between them and is still alive: a solver's state on its device.
    """
    gc.collect()
    sizes: dict[int, int] = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), wp.array) and thing.deleter is not None:  # it owns its memory: not a view
            sizes[thing.ptr] = thing.capacity
        elif issubclass(type(thing), torch.Tensor) and _has_storage(thing):
            storage = thing.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())


def _has_storage(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.device.type != "meta"


def resident() -> int | None:
    """Bytes of this process in memory now; None where the system does not tell (it is read from /proc)."""
    return _status("VmRSS")


def reset_peak() -> None:
    """Lets ``peak`` begin anew, where the system allows it, and gives back what the C library keeps for later."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: another C library than GNU's
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        CLEAR.write_text("5")


def peak() -> int | None:
    """Most bytes of this process in memory since ``reset_peak``; None as for ``resident``."""
    return _status("VmHWM")


def _status(field: str) -> int | None:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith(f"{field}:")]
    return int(found[0][1]) * 1024 if found else None
