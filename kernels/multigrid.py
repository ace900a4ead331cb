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
    ``rest``: all phases (see ``phase``) from level ``first`` on, and ``inverse`` [n, n] of the coarsest level, of n
    cells; ``work`` [n, n] is scratch. Blocks: 1.
    """
    module = module_name("multigrid_setup", shape, M)
    F64, I32 = array(wp.float64), array(wp.int32)
    bricks = {"slots": wp.int32, "leaves": wp.int32, "used": I32, "origin": I32}
    assembled = {"conductance": F64, "leak": F64, "diagonal": F64}
    rest = {"slots": wp.int32, "first": wp.int32, "levels": wp.int32, "work": F64, "inverse": array(M)}
    types = {"M": M}
    return SimpleNamespace(
        fine=_kernel(module, "fine", ("fine",), shape, types, **bricks, **assembled),
        rest=_kernel(module, "setup_rest", ("weights", "galerkin", "inverse", "setup_rest"), shape, types, **rest),
    )


@functools.cache
def phase(shape: Shape, M: type) -> wp.Kernel:
    """One ``phase`` of the setup of a large ``level``: 0 to dimension interpolation, then the next level's operator.
    Blocks: slots."""
    module, numbers = module_name("multigrid_setup_phase", shape, M), ("slots", "level", "phase")
    texts = ("weights", "galerkin", "phase")
    return _kernel(module, "phase", texts, shape, {"M": M}, **dict.fromkeys(numbers, wp.int32))


@functools.cache
def cycle(shape: Shape, T: type, M: type) -> SimpleNamespace:
    """A V-cycle, in the levels' type M.

    ``pack``: r, type T, in brick order -> the finest level. Blocks: slots.
    ``rest``: the whole cycle on levels ``first`` and coarser. Blocks: 1.
    ``unpack``: the finest level -> z, type T, in brick order, and r.z. Blocks: slots.
    """
    module = module_name("multigrid", shape, T, M)
    I32, VEC = array(wp.int32), array(T)
    bricks = {"slots": wp.int32, "leaves": wp.int32, "used": I32, "origin": I32}
    rest = {"slots": wp.int32, "first": wp.int32, "levels": wp.int32, "inverse": array(M)}
    result = {"r": VEC, "z_": VEC, "rz_slots": array(wp.float64)}
    types = {"T": T, "M": M}
    return SimpleNamespace(
        pack=_kernel(module, "pack", ("bricks", "pack"), shape, types, **bricks, r=VEC),
        rest=_kernel(module, "rest", ("passes", "coarsest", "rest"), shape, types, **rest),
        unpack=_kernel(module, "unpack", ("bricks", "unpack"), shape, types, **bricks, **result),
    )


@functools.cache
def passes(shape: Shape, M: type) -> SimpleNamespace:
    """``down``, ``up``: the two passes of a cycle over a large ``level``. Blocks: slots."""
    module, numbers = module_name("multigrid_passes", shape, M), dict.fromkeys(("slots", "level"), wp.int32)
    return SimpleNamespace(
        **{name: _kernel(module, name, ("passes", name), shape, {"M": M}, **numbers) for name in ("down", "up")}
    )


def _kernel(
    module: str, name: str, texts: tuple[str, ...], shape: Shape, types: dict[str, type], **arguments: object
) -> wp.Kernel:
    """A kernel over the levels. What only large levels need has modules of its own: a CPU compiles none of it."""
    texts = ("common/slot_rows", "multigrid/levels", *(f"multigrid/{text}" for text in texts))
    text = body(*texts, shape=shape, **types, DIRECT_CELLS=DIRECT_CELLS)
    return block_kernel(module, name, text, **arguments, table=array(wp.int32), numbers=array(types["M"]))
