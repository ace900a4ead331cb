"""Compiles and loads kernels, by as many threads as there are processors.

Processes of one machine that need the same kernels at the same time share the work, the ranks of a grid for instance:
each compiles what no other one is compiling, and takes the rest from Warp's cache. There a module has a lock, a file.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import warp as wp

from .kernels.building import BLOCK

try:
    import fcntl
except ImportError:  # Windows: every process compiles for itself
    fcntl = None  # type: ignore[assignment]

PATIENCE = 60.0
"""Seconds that a process waits for another one to compile a module, before it does so itself."""


def load(kernels: Sequence[wp.Kernel], device: wp.Device) -> None:
    """Compiles, unless that was done before, and loads kernels."""
    modules = list(dict.fromkeys(kernel.module for kernel in kernels))

    def loaded(module: wp.Module, patience: float) -> bool:
        with _alone(module.name, patience) as alone:
            if alone or patience:
                wp.force_load(device, modules=[module], block_dim=BLOCK)
            return alone

    with ThreadPoolExecutor(_processors()) as threads:
        done = threads.map(lambda module: loaded(module, 0.0), modules)
        elsewhere = [module for module, mine in zip(modules, done, strict=True) if not mine]
        list(threads.map(lambda module: loaded(module, PATIENCE), elsewhere))


def _processors() -> int:
    """Those of the machine, shared out among the ranks that ``torchrun`` started on it."""
    return max((os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), 1)


@contextlib.contextmanager
def _alone(name: str, patience: float) -> Iterator[bool]:
    """Holds a module's lock; whether that was possible within so many seconds. Where there are no locks, it is."""
    with _lock_file(name) or contextlib.nullcontext() as file:  # its end, or that of the process, gives the lock back
        yield file is None or _locked(file, time.monotonic() + patience)


def _locked(file: IO[bytes], deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        except OSError:  # a file system without locks
            return True


def _lock_file(name: str) -> IO[bytes] | None:
    """The file to be locked; None where there can be none."""
    if fcntl is None or not wp.config.kernel_cache_dir:
        return None
    folder = Path(wp.config.kernel_cache_dir) / "hpsolver.locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / name).open("wb")
    except OSError:  # the folder is not ours to write to
        return None
