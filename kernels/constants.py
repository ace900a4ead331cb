"""Constants over pieces of a fluid that moves, as coarse functions; for a fluid at rest the host finds them.

Layouts as in ``kernels.coarse`` and ``kernels.nested``; ``cells`` [nodes, R] fp64: over how many cells a node's
function is a constant, 0 for other functions.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name
from .nested import UNKNOWNS, brick_shape

F64, I32, U8 = array(wp.float64), array(wp.int32), array(wp.uint8)


@functools.cache
def leaf_constants(shape: Shape, R: int) -> wp.Kernel:
    """function [N], count [leaves] and cells [leaves, R] from the numbers of pieces. Blocks: leaves."""
    return block_kernel(
        module_name("leaf_constants", shape, R),
        "leaf_constants",
        body("constants/leaf", shape=shape, R=R),
        pieces=U8,
        piece_count=I32,
        function=U8,
        count=I32,
        cells=F64,
    )


@functools.cache
def brick_constants(dimension: int, R: int, R2: int) -> wp.Kernel:
    """weight [bricks, UNKNOWNS]; the first ``count`` start functions [bricks, R2 - 1, UNKNOWNS], from ``smooth``
    [count, UNKNOWNS]; and brick_cells [bricks, R2], 0 for all but the first function. Blocks: bricks."""
    assert UNKNOWNS % R == 0
    return block_kernel(
        module_name("brick_constants", f"{dimension}d", R, R2),
        "brick_constants",
        body("constants/brick", shape=brick_shape(dimension, R), R=R, R2=R2),
        count=wp.int32,
        nodes=I32,
        cells=F64,
        smooth=array(wp.float32),
        weight=F64,
        start=array(wp.float32),
        brick_cells=F64,
    )


@functools.cache
def enclosed(shape: Shape) -> SimpleNamespace:
    """closed [bricks]: 1 for bricks that enclose a singular region, so that their matrix is singular. Launch ``begin``,
    ``cross``, ``close`` in this order; ``crosses`` [N] is scratch, ``brick_of`` [leaves] the brick. Blocks: leaves."""
    arrays = {"brick_of": I32, "only": I32, "region": I32, "pieces": U8, "crosses": U8, "closed": I32}
    module = module_name("enclosed", shape)
    return SimpleNamespace(
        **{
            name: block_kernel(module, name, body(f"constants/{name}", shape=shape), bricks=wp.int32, **arrays)
            for name in ("begin", "cross", "close")
        }
    )
