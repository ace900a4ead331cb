"""Which of many worlds are computed together: on a GPU all; on a CPU each thread takes a few of its span at a time."""

from __future__ import annotations

import functools
import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import warp as wp

TOGETHER = 4096
"""Cells that are computed together on a CPU: few enough for its caches to hold their arrays."""

DEPTH = 4
"""The deepest that a frame's loops are nested."""


def thread_count() -> int:
    """Threads for many worlds on a CPU: processors that this process may use, at most ``OMP_NUM_THREADS``."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(mine, max(int(asked), 1)) if asked.isdigit() else mine


@functools.cache
def pool() -> ThreadPoolExecutor:
    """The threads of this process."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=pool.cache_clear)
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="hpsolver")


class Span:
    """Worlds from ``begin`` to ``end``. ``size`` of them are computed together, from ``first`` on; ``active`` says
    which of these take part, by depth of nested loops."""

    def __init__(self, begin: int, end: int, size: int, device: wp.Device):
        self.begin, self.end, self.size, self.depth = begin, end, size, 0
        self.first, self.more = (wp.full(1, value, dtype=wp.int32, device=device) for value in (begin, 0))
        self.active = [wp.ones(size, dtype=wp.int32, device=device) for _ in range(DEPTH + 1)]
        self.any = [wp.zeros(1, dtype=wp.int32, device=device) for _ in range(DEPTH + 1)]

    @property
    def is_one(self) -> bool:
        """Whether all its worlds are computed together."""
        return self.size == self.end - self.begin


def spans(count: int, cells: int, device: wp.Device, together: int | None) -> list[Span]:
    """Divides ``count`` worlds into spans, one per thread.

    Args:
        cells: cells of one world.
        together: how many worlds are computed together; None: as many as are fast on the device.
    """
    if device.is_cuda or together == count:
        return [Span(0, count, count, device)]
    few = together or max(TOGETHER // cells, 1)
    threads = min(thread_count(), -(-count // few))
    bounds = np.linspace(0, count, threads + 1).astype(int).tolist()
    return [Span(begin, end, min(few, end - begin), device) for begin, end in itertools.pairwise(bounds)]
