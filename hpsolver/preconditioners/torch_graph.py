"""Torch's part of a frame, on Warp's stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import warp as wp

if TYPE_CHECKING:
    import torch


class OnStream:
    """Runs a function of Torch: as it is on the CPU; on CUDA as a graph, captured at the first call and replayed on
    Warp's current stream.

    The capture takes a stream of Torch's own: Warp's are blocking, which Torch refuses. Three runs ahead of it let
    cuBLAS allocate its workspace.
    """

    def __init__(self, device: wp.Device):
        self._device = device
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, run: Callable[[], None]) -> None:
        """Runs ``run``, the same function each time."""
        if not self._device.is_cuda:
            run()
            return

        import torch

        current = wp.get_stream(self._device)
        device = wp.device_to_torch(self._device)
        # Handle 0 is the default stream; Torch would take it for a request for a new one.
        stream = wp.stream_to_torch(current) if current.cuda_stream else torch.cuda.default_stream(device)
        if self._graph is None:
            side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # Torch's
            side.wait_stream(stream)
            side.wait_stream(torch.cuda.current_stream(device))  # where weights and index tensors were made
            with torch.cuda.stream(side):
                for _ in range(3):
                    run()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=side):
                run()
            stream.wait_stream(side)
        with torch.cuda.stream(stream):
            self._graph.replay()
