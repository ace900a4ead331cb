"""How many functions each node of a coarse space has: all alike, or varied, as many as are worth it.

R functions are stored for every node, and numbered alike, unknown b * R + f being function f of node b. Where ranks
vary, only the first ``rank`` [nodes] of a node's functions count, 1 to R. The coarse matrix has rows for these alone,
in the order of the unknowns: node b's begin at ``first`` [nodes + 1], and row q is that of ``unknown`` [rows]. Neither
row nor column leaves the envelope, columns ``begin`` [rows] to q of row q, rows q to ``until`` [rows] - 1 of column q;
that alone is stored, row by row, column m of row q at ``at`` [rows] + m.
"""

import functools

import warp as wp

from .native import array, block_kernel, body, module_name

F64, I32 = array(wp.float64), array(wp.int32)


def of_nodes(varied: bool) -> tuple[str, dict[str, type]]:
    """The source that tells a kernel how many functions a node has, and the kernel's first arguments for it."""
    return ("ranks_varied", {"rank": I32}) if varied else ("ranks_alike", {})


def of_rows(varied: bool) -> tuple[str, dict[str, type]]:
    """The same of the rows of the coarse matrix; ``rows`` [rows] fp64 is scratch."""
    if not varied:
        return "rows_alike", {}
    numbers = {"most": wp.int32, "first": I32, "unknown": I32, "begin": I32, "until": I32, "at": array(wp.int64)}
    return "rows_varied", numbers | {"rows": F64}


@functools.cache
def assignment(most: int) -> wp.Kernel:
    """rank, first, unknown, begin, until and at from ``worth`` [nodes, most], ``native/assign_ranks.h``. Blocks: 1."""
    return block_kernel(
        module_name("assign_ranks", most),
        "assign_ranks",
        body("assign_ranks", MOST=most),
        nodes=wp.int32,
        limit=wp.int32,
        changed=I32,
        constant=I32,
        worth=F64,
        lowest=I32,
        highest=I32,
        rank=I32,
        first=I32,
        unknown=I32,
        begin=I32,
        until=I32,
        at=array(wp.int64),
        touched=I32,
        moved=I32,
    )
