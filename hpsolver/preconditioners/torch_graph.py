"""Torch's part of a frame, on Warp's stream."""

from __future__ import annotations

from collections.abc import Callable

import warp as wp


def on_stream(run: Callable[[], None], device: wp.Device) -> Callable[[], None]:
    """``run`` as it is on the CPU; on CUDA a graph captured at the first call and replayed on Warp's stream.

    The capture takes a stream of Torch's own: Warp's are blocking, which Torch refuses. Three runs ahead of it let
    cuBLAS allocate its workspace.
    """
    if not device.is_cuda:
        return run

    import torch

    graph: torch.cuda.CUDAGraph | None = None

    def replay() -> None:
        nonlocal graph
        stream = wp.stream_to_torch(wp.get_stream(device))
        if graph is None:
            side = torch.cuda.Stream(stream.device)
            side.wait_stream(stream)
            with torch.cuda.stream(side):
                for _ in range(3):
                    run()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=side):
                run()
            stream.wait_stream(side)
        with torch.cuda.stream(stream):
            graph.replay()

    return replay
