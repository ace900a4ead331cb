"""Choosing the coarse functions of a leaf among candidates: local eigenproblems, all in double precision."""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

TOGETHER = 8
"""W: leaves that one block chooses for; a SIMD vector on the CPU, as in ``leaves.GROUP_CPU``, whose lists it takes. On
CUDA 32 lanes share a leaf."""

WORK = 4
"""Matrices [C, C] of scratch that ``select`` needs for each of its W leaves."""

HELD = 8
"""The most candidates whose scratch is in shared memory, on a GPU."""

F64, I32 = array(wp.float64), array(wp.int32)


def eliminated(C: int, R: int) -> int:
    """How many of a neighbour's C candidates are eliminated. With 8 where R is 8, thin films at 1e5:1 take up to twice
    the iterations; more than that makes the choice no better."""
    return min(C, max(8, 2 * R))


@functools.cache
def selection(shape: Shape, M: type, C: int, R: int) -> SimpleNamespace:
    """Kernels that choose R of C functions.

    ``select``: from the Galerkin matrix of all candidates, ``choice`` [leaves, C, C] and ``worth`` [leaves, C], best
    first; the theory is in ``native/selection/select.h``. ``listed`` [blocks * TOGETHER]: the leaves of each block,
    then -1. Blocks: ceil(leaves / TOGETHER).
    ``combine``: basis [leaves, R, L] from candidates [leaves, C, L] by the first R rows of each choice. Blocks: leaves.
    """
    module = module_name("selection", shape, M, C, R)
    select = block_kernel(
        module,
        "select",
        body("selection/select", shape=shape, W=TOGETHER, C=C, R=R, ELIMINATED=eliminated(C, R), MOST_HELD=HELD),
        listed=I32,
        changed=I32,
        neighbor=I32,
        constants=I32,
        blocks=F64,
        mass=F64,
        work=F64,
        renewed=I32,
        choice=F64,
    )
    combine = block_kernel(
        module,
        "combine",
        body("selection/combine", shape=shape, M=M, C=C, R=R),
        renewed=I32,
        choice=F64,
        candidates=array(M),
        basis=array(M),
    )
    return SimpleNamespace(select=select, combine=combine)
