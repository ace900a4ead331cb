"""Many worlds: independent grids of one shape, in which one solver carries out its frame by the same launches.

The rest of the code knows one world, and records its launches as always. ``Worlds`` carries out each launch over all
worlds (``hpsolver.kernels.worlds``), on storage with one row per world for every array that a launch was given. The
arrays of the one world, the templates, hold the state that every world begins with; ``show`` copies a world into them,
to be looked at. A loop goes on while its condition holds in any world; the others do nothing in it.

On a GPU all worlds are computed together. On a CPU each thread has a span of worlds and takes a few at a time, so that
their arrays stay in its cache.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import warp as wp

from hpsolver.kernels import worlds as kernels
from hpsolver.kernels.building import BLOCK, Recorded, Threads

from .arrays import Address
from .capture import capture_frame
from .compiling import load
from .pcg import Loop
from .spans import Span, pool, spans
from .spreading import kernels_of, noted, spread_to

ROW = 64
"""Rows of storage begin at multiples of this many bytes."""


@dataclass(frozen=True)
class _Rows:
    """An array of one world (``template``), and its storage for all, ``step`` bytes from world to world."""

    template: wp.array
    storage: wp.array
    step: int


class Worlds:
    """The storage of ``count`` worlds, and launches over them.

    Args:
        cells: cells of one world.
        together: how many worlds are computed together; None: as many as are fast on the device.
    """

    def __init__(self, count: int, cells: int, device: wp.Device, together: int | None = None):
        self.count, self.device = count, device
        self._rows: dict[int, _Rows] = {}
        self._views: dict[tuple[int, int, type], wp.array] = {}
        self._tables: list[wp.array] = []  # arrays that all worlds share, and ``_views`` refer to
        self._span = self._all = Span(0, count, count, device)
        self._spans = spans(count, cells, device, together)

    @property
    def first_thread(self) -> bool:
        """Whether what is being recorded is for the first span of worlds; the others run at the same time."""
        return self._span in (self._all, self._spans[0])

    def all(self) -> contextlib.AbstractContextManager[None]:
        """A context in which launches go to all worlds."""
        return spread_to(self)

    def carry_out(self, part: Callable[[Loop], None], loop: Loop) -> None:
        """Records (or runs) a part of a frame in all worlds."""
        for span in self._spans:
            self._carry_out(part, span, loop)

    def capture(self, part: Callable[[Loop], None]) -> Callable[[], None]:
        """Captures a part of a frame; the result replays it, each span of worlds in a thread of its own."""
        replays = [capture_frame(functools.partial(self._carry_out, part, span), self.device) for span in self._spans]
        if len(replays) == 1:
            return replays[0]

        def replay() -> None:
            for done in [pool().submit(one) for one in replays]:
                done.result()

        return replay

    def _carry_out(self, part: Callable[[Loop], None], span: Span, loop: Loop) -> None:
        before, self._span = self._span, span
        with self.all():
            if span.is_one:
                part(self._masked(loop))
            else:
                places = [span.first, span.active[0], span.more, span.begin, span.end]

                def body() -> None:
                    part(self._masked(loop))
                    wp.launch(kernels.advance, dim=1, inputs=places, device=self.device)

                wp.launch(kernels.begin, dim=1, inputs=places, device=self.device)
                loop(span.more, body)
        self._span = before

    def compile(self, run: Callable[[], None]) -> None:
        """Compiles and loads what ``run`` launches, by as many threads as there are processors; runs nothing."""
        load([self.kernel(kernel) for kernel in kernels_of(noted(run))], self.device)

    def kernel(self, kernel: wp.Kernel) -> wp.Kernel:
        """The kernel over many worlds."""
        return kernels.over_worlds(kernel)

    def _masked(self, loop: Loop) -> Loop:
        """``loop`` while the condition holds in any world; the body does nothing in the others."""

        def masked(condition: wp.array, body: Callable[[], None]) -> None:
            span, conditions = self._span, self.array(condition)
            outside, inside, any_ = span.active[span.depth], span.active[span.depth + 1], span.any[span.depth + 1]
            inputs = [span.first, outside, conditions, inside, any_]

            def enter() -> None:
                wp.launch_tiled(kernels.enter, dim=[1], inputs=inputs, block_dim=BLOCK, device=self.device)

            def once() -> None:
                span.depth += 1
                body()
                span.depth -= 1
                enter()

            enter()
            loop(any_, once)

        return masked

    def launch(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> None:
        """Launches ``kernel`` with ``blocks`` blocks per world (``hpsolver.kernels.building.Spread``)."""
        self._launch_blocks(kernel, blocks, self._given(blocks, inputs)[0])

    def record(self, kernel: wp.Kernel, blocks: int, inputs: Sequence[object]) -> Recorded:
        """The same launch, kept for repetition."""
        arguments, places = self._given(blocks, inputs)
        return Recorded(self._launch_blocks(kernel, blocks, arguments, record_cmd=True), places)

    def _launch_blocks(
        self, kernel: wp.Kernel, blocks: int, arguments: list[object], record_cmd: bool = False
    ) -> wp.Launch | None:
        over, dim = kernels.over_worlds(kernel), [self._span.size * blocks]
        options = {"block_dim": BLOCK, "device": self.device, "record_cmd": record_cmd}
        return wp.launch_tiled(over, dim=dim, inputs=arguments, **options)

    def launch_threads(self, kernel: wp.Kernel, threads: Threads, inputs: Sequence[object]) -> None:
        """Launches ``kernel`` with ``threads`` threads per world."""
        over, size = kernels.over_worlds(kernel), self._span.size
        dim: int | tuple[int, ...]
        if isinstance(threads, int):
            dim, count = size * threads, threads
        elif len(threads) == 3:
            dim, count = (size, *threads), 0
        else:
            raise ValueError(f"threads of many worlds: a number, or three for a grid of three axes, got {threads!r}")
        wp.launch(over, dim=dim, inputs=self._given(count, inputs)[0], device=self.device)

    def _given(self, count: int, inputs: Sequence[object]) -> tuple[list[object], list[int]]:
        """A kernel's arguments over worlds, and where each of ``inputs`` is among them."""
        span = self._span
        arguments: list[object] = [span.first, span.active[span.depth], count]
        places = []
        for value in inputs:
            places.append(len(arguments))
            if isinstance(value, wp.array):
                arguments.append(value if getattr(value, "is_rows", False) else self.array(value))
            elif isinstance(value, Address):
                arguments += [int(value), value.step % 2**64]
            else:
                arguments.append(value)
        return arguments, places

    def each(self, function: Callable[[], None]) -> None:
        """Runs (or records) a function that knows only the arrays of one world, for one world after the other."""
        with spread_to(None):
            for world in range(self.count):
                self.show(world)
                function()
                for rows in self._rows.values():
                    wp.copy(self._row(rows, world), rows.template)

    def held(self) -> list[object]:
        """All memory that launches so far were given."""
        return [self._rows, self._tables]

    def show(self, world: int) -> None:
        """Copies a world into the templates."""
        for rows in self._rows.values():
            wp.copy(rows.template, self._row(rows, world))

    def forget(self, but: wp.array) -> None:
        """Lets every world begin with the state of the templates again; the storage of one array is kept."""
        self._views, self._tables = {}, []
        self._rows = {key: rows for key, rows in self._rows.items() if rows.template is but}

    def array(self, template: wp.array) -> wp.array:
        """[worlds, ...] the storage of an array of one world."""
        key = template.ptr, template.size, template.dtype
        if key not in self._views:
            root = template
            while isinstance(root._ref, wp.array):
                root = root._ref
            if getattr(root, "is_table", False):
                first, step = template.ptr, 0
                self._tables.append(root)
            else:
                rows = self._stored(root)
                first, step = rows.storage.ptr + (template.ptr - root.ptr), rows.step
            self._views[key] = wp.array(
                ptr=first,
                dtype=template.dtype,
                shape=(self.count, *template.shape),
                strides=(step, *template.strides),
                device=self.device,
            )
        return self._views[key]

    def _stored(self, root: wp.array) -> _Rows:
        if root.ptr not in self._rows:
            step = -(-root.capacity // ROW) * ROW
            storage = wp.empty(self.count * step, dtype=wp.uint8, device=self.device)
            self._rows[root.ptr] = _Rows(root, storage, step)
            self._fill(self._rows[root.ptr])
        return self._rows[root.ptr]

    def _fill(self, rows: _Rows) -> None:
        root = rows.template
        kind = {"dtype": root.dtype, "shape": (self.count, root.size), "device": self.device}
        item = wp.types.type_size_in_bytes(root.dtype)
        wp.copy(
            wp.array(ptr=rows.storage.ptr, strides=(rows.step, item), **kind),
            wp.array(ptr=root.ptr, strides=(0, item), **kind),
        )

    def _row(self, rows: _Rows, world: int) -> wp.array:
        root = rows.template
        return wp.array(
            ptr=rows.storage.ptr + world * rows.step, dtype=root.dtype, shape=root.shape, device=self.device
        )
