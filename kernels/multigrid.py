"""The kernels of black-box multigrid.

Levels are row-major. How a level's numbers lie in ``numbers``, and what ``table`` says of the levels, is at the head of
``native/multigrid/levels.h``.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

FIELDS, ALIGN, GHOSTS = 5, 16, 2
"""Entries of a level in ``table``; a divisor of the length of every array; ghost cells at either end of a row."""

OVERHANG = 128
"""Spare numbers behind the last array: the setup reads that far beyond a row's end, and drops the results."""

DIRECT_CELLS = 64
"""Cells of the largest level that is solved exactly."""


def arrays(dimension: int, finest: bool) -> int:
    """Arrays of a level in ``numbers``: four, couplings, and on coarser levels interpolation and a right-hand side."""
    block = 3**dimension
    return 4 + (dimension if finest else block // 2 + block + 1)


def tile_planes(dimension: int, cuda: bool) -> int:
    """Coarse cells of a tile along the grid's first axis (``native/multigrid/passes.h``)."""
    return 4 if dimension == 3 else 8 if cuda else 16


def first_sweep_and_rhs(dimension: int) -> tuple[int, int]:
    """Numbers of Y and B among a coarse level's arrays (``native/multigrid/levels.h``), which the way down writes."""
    return 2, arrays(dimension, False) - 1


@functools.cache
def setup(shape: Shape, M: type) -> SimpleNamespace:
    """From A to the levels' operators, interpolation and the coarsest inverse, once per frame.

    ``fine``: the finest level's operator. Blocks: slots.
    ``phase``: one ``phase`` of ``level``: 0 to dimension interpolation, then the next level's operator. Blocks: slots.
    ``rest``: all phases from level ``first`` on, and ``inverse`` [n, n] of the coarsest level, of n cells; ``work``
    [n, n] is scratch. Blocks: 1.
    """
    module = module_name("multigrid_setup", shape, M)
    F64, I32 = array(wp.float64), array(wp.int32)
    levels = {"table": I32, "numbers": array(M)}

    def kernel(name: str, *texts: str, **arguments: object) -> wp.Kernel:
        texts = ("common/slot_rows", "multigrid/levels", *(f"multigrid/{text}" for text in texts))
        text = body(*texts, shape=shape, M=M, DIRECT_CELLS=DIRECT_CELLS)
        return block_kernel(module, name, text, **arguments, **levels)

    bricks = {"slots": wp.int32, "leaves": wp.int32, "used": I32, "origin": I32}
    assembled = {"conductance": F64, "leak": F64, "diagonal": F64}
    solve = {"work": F64, "inverse": array(M)}
    return SimpleNamespace(
        fine=kernel("fine", "fine", **bricks, **assembled),
        phase=kernel("phase", "weights", "galerkin", "phase", slots=wp.int32, level=wp.int32, phase=wp.int32),
        rest=kernel(
            "setup_rest",
            "weights",
            "galerkin",
            "inverse",
            "setup_rest",
            slots=wp.int32,
            first=wp.int32,
            levels=wp.int32,
            **solve,
        ),
    )


@functools.cache
def cycle(shape: Shape, T: type, M: type) -> SimpleNamespace:
    """A V-cycle, in the levels' type M.

    ``pack``: r, type T, in brick order -> the finest level. Blocks: slots.
    ``down``, ``up``: the two passes over ``level``. Blocks: slots.
    ``rest``: the whole cycle on levels ``first`` and coarser. Blocks: 1.
    ``unpack``: the finest level -> z, type T, in brick order, and r.z. Blocks: slots.
    """
    module = module_name("multigrid", shape, T, M)
    I32, VEC = array(wp.int32), array(T)
    levels = {"table": I32, "numbers": array(M)}
    bricks = {"slots": wp.int32, "leaves": wp.int32, "used": I32, "origin": I32}

    def kernel(name: str, *texts: str, **arguments: object) -> wp.Kernel:
        texts = ("common/slot_rows", "multigrid/levels", *(f"multigrid/{text}" for text in texts))
        text = body(*texts, shape=shape, T=T, M=M, DIRECT_CELLS=DIRECT_CELLS)
        return block_kernel(module, name, text, **arguments, **levels)

    one = {"slots": wp.int32, "level": wp.int32}
    rest = {"slots": wp.int32, "first": wp.int32, "levels": wp.int32, "inverse": array(M)}
    return SimpleNamespace(
        pack=kernel("pack", "bricks", "pack", **bricks, r=VEC),
        down=kernel("down", "passes", "down", **one),
        up=kernel("up", "passes", "up", **one),
        rest=kernel("rest", "passes", "coarsest", "rest", **rest),
        unpack=kernel("unpack", "bricks", "unpack", **bricks, r=VEC, z_=VEC, rz_slots=array(wp.float64)),
    )
