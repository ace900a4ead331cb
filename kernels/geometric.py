"""The kernels of geometric multigrid (3D).

Levels are row-major, each half as long along every axis as the one before, and coloured red and black. How a level's
numbers lie in ``numbers``, and what ``table`` says of the levels, is at the head of ``native/geometric/levels.h``.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

BLACK, RESIDUAL, PROLONG, POST_BLACK, POST_RED = range(1, 6)
RESTRICT = 0
"""Values of ``step``: the steps of the cycle on one level (``native/geometric/step.h``)."""

RHS_3D, FACES_3D, LEAK_3D = 11, 22, 28
"""Roles R, FACES and LEAK of a level in ``numbers``, in 3D (``native/geometric/levels.h``)."""

FIELDS = 5
"""Entries of a level in ``table``."""

OVERHANG = 4
"""Spare numbers behind the last array: reads of its last row's ghosts may go beyond its end."""


def roles(dimension: int, surface: bool) -> int:
    """Arrays that a level has in ``numbers``."""
    return 6 * dimension + 10 + 2 * surface


@functools.cache
def setup(shape: Shape, M: type, surface: bool = False) -> SimpleNamespace:
    """From A to the levels' coefficients, once per frame.

    ``faces``: the finest level's face conductances. Blocks: slots.
    ``coarsen``: those of one coarser level. Blocks: slots.
    ``coarsen_rest``: those of levels ``first`` and coarser. Blocks: 1.
    ``split``: the cycle's coefficients and weights, for levels ``first`` to ``levels`` - 1. Blocks: slots.

    Args:
        surface: each cell has a conductance to p = 0, ``leak``, which includes open sides.
    """
    module = module_name("geometric_setup", shape, M, *["surface"] * surface)
    F64, I32 = array(wp.float64), array(wp.int32)
    levels = {"table": I32, "total": wp.int64, "numbers": array(M)}

    def kernel(name: str, *texts: str, **arguments: object) -> wp.Kernel:
        texts = ("geometric/levels", *(f"geometric/{text}" for text in texts))
        text = body(*texts, shape=shape, M=M, SURFACE=surface)
        return block_kernel(module, name, text, **arguments, **levels)

    bricks = {"slots": wp.int32, "leaves": wp.int32, "side": I32, "used": I32, "origin": I32}
    scales = {f"scale_{axis}": wp.float64 for axis in "xyz"}
    return SimpleNamespace(
        faces=kernel(
            "faces",
            "faces",
            **bricks,
            **scales,
            density=F64,
            fluid=array(wp.uint8),
            conductance=F64,
            leak=F64,
        ),
        coarsen=kernel("coarsen", "coarsen", "coarsen_one", slots=wp.int32, level=wp.int32),
        coarsen_rest=kernel(
            "coarsen_rest",
            "coarsen",
            "coarsen_rest",
            slots=wp.int32,
            first=wp.int32,
            levels=wp.int32,
        ),
        split=kernel("split", "split", slots=wp.int32, first=wp.int32, levels=wp.int32),
    )


@functools.cache
def cycle(shape: Shape, T: type, M: type) -> SimpleNamespace:
    """A V-cycle, in the levels' type M.

    ``pack``: r, type T, in brick order -> the finest level. Blocks: slots.
    ``step``: one step on one level. Blocks: slots.
    ``coarse``: the whole cycle on levels ``first`` and coarser. Blocks: 1.
    ``unpack``: the finest level -> z, type T, in brick order, and r.z. Blocks: slots.
    """
    module = module_name("geometric", shape, T, M)
    I32, VEC = array(wp.int32), array(T)
    levels = {"table": I32, "total": wp.int64, "numbers": array(M)}
    bricks = {"slots": wp.int32, "leaves": wp.int32, "used": I32, "origin": I32}

    def kernel(name: str, *texts: str, **arguments: object) -> wp.Kernel:
        texts = ("common/slot_rows", "geometric/levels", *(f"geometric/{text}" for text in texts))
        return block_kernel(module, name, body(*texts, shape=shape, T=T, M=M), **arguments, **levels)

    return SimpleNamespace(
        pack=kernel("pack", "pack", **bricks, r=VEC),
        step=kernel("step", "cycle", "step", slots=wp.int32, level=wp.int32, step=wp.int32),
        coarse=kernel("coarse", "cycle", "coarse", slots=wp.int32, first=wp.int32, levels=wp.int32),
        unpack=kernel("unpack", "unpack", **bricks, r=VEC, z_=VEC, rz_slots=array(wp.float64)),
    )
