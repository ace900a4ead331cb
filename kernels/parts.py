"""Kernels over a part of their items: a rank's part of a launch that all ranks share.

``over_part`` writes a kernel around the same body whose threads or blocks run over items of a list instead of all.
"""

import warp as wp

from .building import array
from .rewriting import Variants, body_of, write

I32 = array(wp.int32)


def _over_part(kernel: wp.Kernel) -> wp.Kernel:
    names, text = body_of(kernel)
    arguments, types = ["_mine: _I32", "_each: wp.int32"], {}
    for argument in kernel.adj.args:
        types[f"{argument.label}_type"] = argument.type
        arguments.append(f"{argument.label}: {argument.label}_type")
    if names not in PLACE:
        raise ValueError(f"kernel {kernel.key}: threads of a grid of three axes are not shared out")
    own = "_item = _mine[_slot // _each] * _each + _slot % _each"
    return write(kernel, "part", arguments, [PLACE[names], own, *text.splitlines()], {"_I32": I32, **types})


PLACE = {("_item",): "_slot = wp.tid()", ("_item", "_lane"): "_slot, _lane = wp.tid()"}

over_part = Variants(_over_part)
"""The kernel over a part of its threads or blocks. Its arguments: mine [count] int32, each, then those of the kernel.
It runs the items ``mine[k] * each + i`` for all k, and i from 0 to ``each`` - 1. Threads or blocks: count * each."""


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
