"""Many worlds: the frame of one solver, carried out in W of them by the same launches.

Everything but this file knows one world. It records its launches as always; ``Worlds`` carries each of them out over
all worlds (``hpsolver.kernels.worlds``), on storage that has one row per world for every array a launch was given. The
arrays themselves, of one world, stay what they are: the state every world begins with, and the place where one world
can be looked at (``show``). A loop goes on while any world wants to; the others do nothing in it.

On a GPU all worlds go together. On a CPU a few at a time do, whose arrays stay in the cache.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import warp as wp

from hpsolver.kernels import worlds as kernels
from hpsolver.kernels.building import BLOCK, SPREAD

from .arrays import Address
from .pcg import Loop

TOGETHER = 4096
"""Cells of the worlds that go together on a CPU: those whose arrays its caches hold."""

DEPTH = 4
"""Loops that a frame nests, at most."""

ROW = 64
"""Rows of storage begin at multiples of so many bytes."""


def everywhere(worlds: Worlds | None) -> contextlib.AbstractContextManager[None]:
    """Launches go to all worlds meanwhile, if there are many."""
    return worlds.all() if worlds else contextlib.nullcontext()


@dataclass
class _Span:
    """Worlds that go together: ``size`` of them, from ``first``; which of them do anything, by depth of loops."""

    size: int
    device: wp.Device
    depth: int = 0
    first: wp.array = field(init=False)
    more: wp.array = field(init=False)
    active: list[wp.array] = field(init=False)
    any: list[wp.array] = field(init=False)

    def __post_init__(self) -> None:
        self.first, self.more = (wp.zeros(1, dtype=wp.int32, device=self.device) for _ in range(2))
        self.active = [wp.ones(self.size, dtype=wp.int32, device=self.device) for _ in range(DEPTH + 1)]
        self.any = [wp.zeros(1, dtype=wp.int32, device=self.device) for _ in range(DEPTH + 1)]


@dataclass(frozen=True)
class _Rows:
    """A world's array (``template``) and its storage, ``step`` bytes from world to world."""

    template: wp.array
    storage: wp.array
    step: int


class Worlds:
    """The storage of ``count`` worlds, and launches over them.

    Args:
        cells: of a world.
        together: worlds that go together; None: what is fast on the device.
    """

    def __init__(self, count: int, cells: int, device: wp.Device, together: int | None = None):
        self.count, self.device = count, device
        self._rows: dict[int, _Rows] = {}
        self._views: dict[tuple[int, int, type], wp.array] = {}
        self._all = _Span(count, device)
        few = min(count, together or (count if device.is_cuda else max(TOGETHER // cells, 1)))
        self._few = self._all if few == count else _Span(few, device)
        self._span = self._all

    @contextlib.contextmanager
    def all(self) -> Iterator[None]:
        """Launches go to all worlds meanwhile."""
        token = SPREAD.set(self)
        try:
            yield
        finally:
            SPREAD.reset(token)

    def record(self, frame: Callable[[Loop], None], loop: Loop) -> None:
        """Records (or runs) a part of a frame in all worlds."""
        with self.all():
            if self._few is self._all:
                frame(self._masked(loop))
                return
            self._span = span = self._few
            places = [span.first, span.active[0], span.more, self.count]

            def body() -> None:
                frame(self._masked(loop))
                wp.launch(kernels.advance, dim=1, inputs=places, device=self.device)

            wp.launch(kernels.begin, dim=1, inputs=places, device=self.device)
            loop(span.more, body)
            self._span = self._all

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

    def launch(self, kernel: wp.Kernel, count: int, inputs: Sequence[object], blocks: bool) -> None:
        """Launches ``kernel`` with ``count`` blocks or threads a world (``hpsolver.kernels.building.Spread``)."""
        span, over = self._span, kernels.over_worlds(kernel)
        arguments: list[object] = [span.first, span.active[span.depth], count]
        for value in inputs:
            if isinstance(value, wp.array):
                arguments.append(value if getattr(value, "is_rows", False) else self.array(value))
            elif isinstance(value, Address):
                arguments += [int(value), value.step % 2**64]
            else:
                arguments.append(value)
        if blocks:
            wp.launch_tiled(over, dim=[span.size * count], inputs=arguments, block_dim=BLOCK, device=self.device)
        else:
            wp.launch(over, dim=span.size * count, inputs=arguments, device=self.device)

    def each(self, function: Callable[[], None]) -> None:
        """Runs (or records) what knows only the arrays of one world, in one world after the other."""
        token = SPREAD.set(None)
        for world in range(self.count):
            self.show(world)
            function()
            for rows in self._rows.values():
                wp.copy(self._row(rows, world), rows.template)
        SPREAD.reset(token)

    def show(self, world: int) -> None:
        """Copies a world into the arrays of one."""
        for rows in self._rows.values():
            wp.copy(rows.template, self._row(rows, world))

    def forget(self, but: wp.array) -> None:
        """Lets every world begin with the state of the arrays of one again; one array is kept."""
        self._views.clear()
        self._rows = {key: rows for key, rows in self._rows.items() if rows.template is but}

    def array(self, template: wp.array) -> wp.array:
        """[worlds, ...] the storage of an array of one world."""
        key = template.ptr, template.size, template.dtype
        if key not in self._views:
            root = template
            while isinstance(root._ref, wp.array):
                root = root._ref
            step = 0 if getattr(root, "is_table", False) else self._stored(root).step
            first = template.ptr if step == 0 else self._rows[root.ptr].storage.ptr + (template.ptr - root.ptr)
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
