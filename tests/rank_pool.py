"""Processes that are ranks of one ``torch.distributed`` group, kept for many tests: to start one takes seconds.

``RankPool.run(ranks, function, *arguments)`` calls ``function(group, *arguments)`` on the first ``ranks`` ranks, where
``group`` holds just these, and returns what each rank returned or raised, by rank.
"""

from __future__ import annotations

import datetime
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

TIMEOUT = datetime.timedelta(seconds=300)


class RankPool:
    """``size`` processes; their groups wait for a lost rank as long as ``timeout``."""

    def __init__(self, size: int, timeout: datetime.timedelta = TIMEOUT):
        context = multiprocessing.get_context("spawn")
        self._folder = tempfile.TemporaryDirectory()
        self._pipes: list[Connection] = []
        self._processes = []
        store = str(Path(self._folder.name) / "store")
        for rank in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(rank, size, store, timeout, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def run(self, ranks: int, function: Callable[..., Any], *arguments: Any, spare: bool = False) -> list[Any]:
        """``spare``: use another group of the same ranks, since a group that failed cannot be used again."""
        for rank in range(ranks):
            self._pipes[rank].send(((ranks, spare), function, arguments))
        return [self._answer(rank) for rank in range(ranks)]

    def _answer(self, rank: int) -> Any:
        try:
            return self._pipes[rank].recv()
        except EOFError:
            return None  # it died, as it was told to

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(timeout=10)
            process.kill()
        self._folder.cleanup()


def _serve(rank: int, size: int, store: str, timeout: datetime.timedelta, pipe: Connection) -> None:
    import torch
    import torch.distributed as dist
    import warp as wp

    wp.config.log_level = wp.LOG_WARNING
    torch.set_num_threads(1)
    os.environ["LOCAL_WORLD_SIZE"] = str(size)  # as torchrun says
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=size, timeout=TIMEOUT)
    pairs = [(n, spare) for n in range(1, size + 1) for spare in (False, True)]
    groups = {(n, spare): dist.new_group(list(range(n)), timeout=timeout) for n, spare in pairs}
    while True:
        try:
            group, function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            answer = function(groups[group], *arguments)
        except Exception as error:  # a test looks at it
            answer = error
        pipe.send(answer)
