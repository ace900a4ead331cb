"""Choosing the coarse functions of a leaf among candidates: local eigenproblems, all in double precision."""

import functools
from types import SimpleNamespace

import warp as wp

from .native import Shape, array, block_kernel, body, module_name
from .ranks import of_nodes

ELIMINATED = 8
"""Functions of a neighbour that are eliminated at most; with all of them the choice is no better."""

WORK = 4
"""Matrices [C, C] that ``select`` needs of scratch for each place of a group."""

F64, I32 = array(wp.float64), array(wp.int32)


@functools.cache
def selection(shape: Shape, W: int, M: type, C: int, R: int, varied: bool = False) -> SimpleNamespace:
    """Kernels that choose R of C functions.

    ``select``: from the Galerkin matrix of all candidates, ``choice`` [leaves, C, C] and ``worth`` [leaves, C], best
    first; the theory is in ``native/select.h``. Blocks: groups.
    ``combine``: basis [leaves, R, L] from candidates [leaves, C, L] by the first R rows of each choice, or
    fewer where they do not all count. Blocks: leaves.
    """
    module = module_name("selection", shape, W, M, C, R, *["varied"] * varied)
    ranks, counts = of_nodes(varied)
    select = block_kernel(
        module,
        "select",
        body("select", shape=shape, W=W, C=C, ELIMINATED=min(C, ELIMINATED)),
        changed=I32,
        members=I32,
        neighbor=I32,
        constants=I32,
        blocks=F64,
        mass=F64,
        work=F64,
        renewed=I32,
        worth=F64,
        choice=F64,
    )
    combine = block_kernel(
        module,
        "combine",
        body(ranks, "combine", shape=shape, M=M, C=C, R=R),
        **counts,
        renewed=I32,
        choice=F64,
        candidates=array(M),
        basis=array(M),
    )
    return SimpleNamespace(select=select, combine=combine)
