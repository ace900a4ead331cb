"""Kernels over a part of their items: a rank's, or a thread's, part of a launch that all of them share.

``over_part`` and ``over_span`` write a kernel around the same body whose threads or blocks run over items of a list, or
over successive items, instead of all.
"""

import functools

import warp as wp

from .building import array
from .rewriting import Variants, body_of, write

I32 = array(wp.int32)


def _over(variant: str, before: dict[str, object], own: str, kernel: wp.Kernel) -> wp.Kernel:
    """The kernel as ``variant``, with the arguments ``before`` its own, and ``own`` to find a place's item."""
    names, text = body_of(kernel)
    if names not in PLACE:
        raise ValueError(f"kernel {kernel.key}: threads of a grid of three axes are not shared out")
    types = {f"{name}_type": kind for name, kind in before.items()}
    types |= {f"{argument.label}_type": argument.type for argument in kernel.adj.args}
    arguments = [f"{kind.removesuffix('_type')}: {kind}" for kind in types]
    return write(kernel, variant, arguments, [PLACE[names], own, *text.splitlines()], types)


PLACE = {("_item",): "_slot = wp.tid()", ("_item", "_lane"): "_slot, _lane = wp.tid()"}

LISTED = "_item = _mine[_slot // _each] * _each + _slot % _each"

over_part = Variants(functools.partial(_over, "part", {"_mine": I32, "_each": wp.int32}, LISTED))
"""The kernel over a part of its threads or blocks. Its arguments: mine [count] int32, each, then those of the kernel.
It runs the items ``mine[k] * each + i`` for all k, and i from 0 to ``each`` - 1. Threads or blocks: count * each."""

over_span = Variants(functools.partial(_over, "span", {"_first": wp.int32}, "_item = _first + _slot"))
"""The kernel over successive threads or blocks. Its arguments: first, then those of the kernel."""


@wp.kernel(enable_backward=False)
def own_of(due: I32, count: I32, is_own: I32, own_due: I32, own_count: I32):
    """own_due [own_count] = the leaves in due [count] that are this rank's by ``is_own`` [leaves], in the same order.
    One thread."""
    found = wp.int32(0)
    for k in range(count[0]):
        if is_own[due[k]] != 0:
            own_due[found] = due[k]
            found += 1
    own_count[0] = found
