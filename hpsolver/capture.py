"""Turns a frame, written as Python calls that launch kernels, into a function that replays it.

Where the device can loop inside a graph (the CPU, and CUDA drivers from 12.4) the whole frame is one graph. Elsewhere
the frame is cut at its loops: the pieces between them are graphs, an inner loop's graph holds a fixed number of
iterations, and after each replay the host reads whether to go on. Iterations past the end are no-ops by design.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import warp as wp

from . import arrays
from .pcg import Loop
from .preconditioners import NAMES, Preconditioner, make

CHUNK = 25
"""Iterations per replay of a cut frame."""

Frame = Callable[[Loop], None]


def capture_frame(frame: Frame, device: wp.Device) -> Callable[[], None]:
    """Captures ``frame`` once; the result replays it."""
    if device.is_cuda and not wp.is_conditional_graph_supported():
        return capture_pieces(frame, device)
    with _own_stream(device), wp.ScopedCapture(device=device, force_module_load=False) as capture:
        frame(wp.capture_while)
    graph = capture.graph
    return lambda: wp.capture_launch(graph)


def check_recordable(
    preconditioner: Preconditioner, loaded: bool, out: arrays.Array | None, kinds: list[str], device: wp.Device
) -> None:
    """Checks that a frame can be recorded into the caller's capture.

    Args:
        preconditioner: the solver's.
        loaded: a frame has run, so all kernels are loaded.
        out: where the caller wants the pressure.
        kinds: the kinds of the caller's other arrays (``arrays.Adopted``).
        device: the solver's.

    Raises:
        RuntimeError, ValueError: it cannot; the message says why, and what to do.
    """
    where = "step inside a capture:"
    if not loaded:
        raise RuntimeError(
            f"{where} call step once outside first, with what moves: that compiles and loads the kernels"
        )
    if not preconditioner.graph_safe:
        able = ", ".join(name for name in NAMES if make(name).graph_safe)
        reason = f"{preconditioner.name!r} predicts on the host in every frame, which no graph can record"
        raise RuntimeError(f"{where} {reason}; preconditioners that can be recorded: {able}")
    if device.is_cuda and not wp.is_conditional_graph_supported():
        raise RuntimeError(f"{where} loops in a CUDA graph need a driver and a toolkit from 12.4")
    if out is None:
        raise ValueError(f"{where} out must be given, since each replay writes to the same array")
    if device.is_cuda and "numpy" in (arrays.kind_of(out), *kinds):
        raise ValueError(f"{where} NumPy arrays are on the host; pass arrays on the solver's device")


def _own_stream(device: wp.Device) -> contextlib.AbstractContextManager[Any]:
    """A new stream to capture on. Graphs are launched on the caller's stream, but that may be CUDA's default stream,
    which cannot be captured."""
    return wp.ScopedStream(wp.Stream(device)) if device.is_cuda else contextlib.nullcontext()


def capture_pieces(frame: Frame, device: wp.Device) -> Callable[[], None]:
    """Captures ``frame`` as graphs with host-driven loops between them."""
    return Pieces(device).record(frame)


class Pieces:
    """Records a frame as a list of steps: graphs, loops over lists of steps, and steps that are inserted.

    Args:
        rounds: iterations of an innermost loop between two reads of its condition, since reading from a GPU is slow.
    """

    def __init__(self, device: wp.Device, rounds: int = CHUNK):
        self._device, self._rounds = device, rounds
        self._steps: list[Callable[[], None]] = []
        self._loops = 0

    def insert(self, make: Callable[[], Callable[[], None]]) -> None:
        """Inserts a step that no graph can hold. ``make`` returns the step; it runs while nothing is captured."""
        self._close()
        self._steps.append(make())
        self._open()

    def record(self, frame: Frame) -> Callable[[], None]:
        with _own_stream(self._device):
            self._open()
            frame(self._loop)
            self._close()
        return _in_turn(self._steps)

    def _loop(self, condition: wp.array, body: Callable[[], None]) -> None:
        self._close()
        outside, self._steps = self._steps, []
        self._open()
        self._loops += 1
        loops = self._loops
        body()
        if self._loops == loops:
            for _ in range(self._rounds - 1):
                body()
        self._close()
        once, self._steps = _in_turn(self._steps), outside

        def replay() -> None:
            while condition.numpy()[0]:
                once()

        self._steps.append(replay)
        self._open()

    def _open(self) -> None:
        self._capture = wp.ScopedCapture(device=self._device, force_module_load=False)
        self._capture.__enter__()

    def _close(self) -> None:
        self._capture.__exit__(None, None, None)
        graph = self._capture.graph
        self._steps.append(lambda: wp.capture_launch(graph))


def _in_turn(steps: list[Callable[[], None]]) -> Callable[[], None]:
    def replay() -> None:
        for step in steps:
            step()

    return replay
