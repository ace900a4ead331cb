"""Kernels over many worlds (grids of one solver): a frame's kernels, rewritten for arrays with one row per world.

A kernel of the frame knows one world. ``over_worlds`` writes another around the same body: its threads or blocks run
over worlds, ``items`` of them each; its arrays have one axis more, of which each world sees its own row; and it does
nothing in worlds that are not ``active``. So what a world computes is, bit for bit, what it computes alone.

``first`` [1] is the world that ``active`` [span] begins with: a launch spans all worlds, or a few at a time.
"""

import warp as wp

from .building import array, block_kernel, body
from .rewriting import Variants, body_of, write

I32 = array(wp.int32)


def _over_worlds(kernel: wp.Kernel) -> wp.Kernel:
    names, text = body_of(kernel)
    arguments, views = ["_first: _I32", "_active: _I32", "_items: wp.int32"], []
    types: dict[str, object] = {"_I32": I32}
    for name, kind in ((argument.label, argument.type) for argument in kernel.adj.args):
        if wp.types.is_array(kind):
            types[f"{name}_type"] = wp.array(dtype=kind.dtype, ndim=kind.ndim + 1)
            arguments.append(f"{name}_worlds: {name}_type")
            views.append(f"{name} = {name}_worlds[_world]")
        elif kind is wp.uint64:  # an address
            arguments += [f"{name}_worlds: wp.uint64", f"{name}_step: wp.uint64"]
            views.append(f"{name} = {name}_worlds + wp.uint64(_world) * {name}_step")
        else:
            types[f"{name}_type"] = kind
            arguments.append(f"{name}: {name}_type")
    inside = ["_world = _first[0] + _which", *views, *text.splitlines()]
    lines = [*PLACE[names], "if _active[_which] != 0:", *(f"    {line}" for line in inside)]
    return write(kernel, "worlds", arguments, lines, types)


PLACE = {
    ("_item",): ["_slot = wp.tid()", "_which = _slot // _items", "_item = _slot - _which * _items"],
    ("_item", "_lane"): ["_slot, _lane = wp.tid()", "_which = _slot // _items", "_item = _slot - _which * _items"],
    ("_x", "_y", "_z"): ["_which, _x, _y, _z = wp.tid()"],
}
"""How a thread finds its world and its place there."""

over_worlds = Variants(_over_worlds)
"""The kernel over many worlds. Its arguments: first, active, items (threads or blocks a world), then those of the
kernel: an array [n] as [worlds, n], an address (uint64) followed by the bytes from world to world."""


@wp.kernel(enable_backward=False)
def begin(first: I32, active: I32, more: I32, from_: wp.int32, to: wp.int32):
    """Activates the first ``active.shape[0]`` of the worlds from ``from_`` up to, not including, ``to``. One thread."""
    first[0] = from_
    more[0] = 1
    for c in range(active.shape[0]):
        active[c] = wp.where(from_ + c < to, 1, 0)


@wp.kernel(enable_backward=False)
def advance(first: I32, active: I32, more: I32, from_: wp.int32, to: wp.int32):
    """Activates the next worlds, and sets ``more`` if there are any. One thread."""
    span = active.shape[0]
    first[0] = first[0] + span
    more[0] = wp.where(first[0] < to, 1, 0)
    for c in range(span):
        active[c] = wp.where(first[0] + c < to, 1, 0)


enter = block_kernel(
    "hpsolver.worlds",
    "enter",
    body("worlds/enter"),
    first=I32,
    outside=I32,
    conditions=wp.array2d(dtype=wp.int32),
    active=I32,
    any_=I32,
)
"""``active``: the worlds that run the body of a loop once more, those active ``outside`` the loop whose entry of
``conditions`` [worlds, 1] is not zero. ``any_``: whether there are any. One block."""
