"""The kernels of geometric multigrid (3D).

Levels are row-major, each half as long along every axis as the one before, and coloured red and black. How a level's
numbers lie in ``numbers``, and what ``table`` says of the levels, is at the head of ``native/geometric/levels.h``.
"""

import functools
from types import SimpleNamespace
from typing import Any

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

RESTRICT, FIRST_BLACK, RED, BLACK_BEFORE, RESIDUAL, PROLONG, BLACK, LAST_RED = range(8)
"""Values of ``step`` (``native/geometric/step.h``)."""

DOWN = {1: (RESTRICT, FIRST_BLACK, RESIDUAL), 2: (RESTRICT, FIRST_BLACK, RED, BLACK_BEFORE, RESIDUAL)}
UP = {1: (PROLONG, BLACK, LAST_RED), 2: (PROLONG, BLACK, RED, BLACK, LAST_RED)}
"""The steps of a cycle on one level, by sweeps; the finest has no ``RESTRICT``."""

RHS, FACES, LEAK = 11, 22, 28
"""Roles R, FACES and LEAK of a level in ``numbers`` (``native/geometric/levels.h``)."""

FIELDS = 5
"""Entries of a level in ``table``."""

OVERHANG = 64
"""Spare numbers behind the last array: reads of its last row go that far beyond its end, and are dropped."""


def roles(surface: bool) -> int:
    """Arrays that a level has in ``numbers``."""
    return LEAK + 2 * surface


@functools.cache
def setup(shape: Shape, M: type, surface: bool = False) -> SimpleNamespace:
    """From A to the levels' coefficients, once per frame.

    ``faces``: the finest level's face conductances. Blocks: slots.
    ``coarsen_rest``: those of levels ``first`` and coarser. Blocks: 1.
    ``split``: the cycle's coefficients and weights, for levels ``first`` to ``levels`` - 1. Blocks: slots.

    Args:
        surface: each cell has a conductance to p = 0, ``leak``, which includes open sides.
    """
    module = module_name("geometric_setup", shape, M, *["surface"] * surface)
    F64, I32 = array(wp.float64), array(wp.int32)
    bricks = {"slots": wp.int32, "leaves": wp.int32, "side": I32, "used": I32, "origin": I32}
    scales = {f"scale_{axis}": wp.float64 for axis in "xyz"}
    given = {"density": F64, "fluid": array(wp.uint8), "conductance": F64, "leak": F64}
    rest, constants = dict.fromkeys(("slots", "first", "levels"), wp.int32), {"M": M, "SURFACE": surface}
    return SimpleNamespace(
        faces=_kernel(module, "faces", ("faces",), shape, constants, **bricks, **scales, **given),
        coarsen_rest=_kernel(module, "coarsen_rest", ("coarsen", "coarsen_rest"), shape, constants, **rest),
        split=_kernel(module, "split", ("split",), shape, constants, **rest),
    )


@functools.cache
def coarsen(shape: Shape, M: type, surface: bool = False) -> wp.Kernel:
    """The face conductances of one large, but not the finest ``level``. Blocks: slots."""
    module, numbers = module_name("geometric_setup_level", shape, M, *["surface"] * surface), ("slots", "level")
    texts, constants = ("coarsen", "coarsen_one"), {"M": M, "SURFACE": surface}
    return _kernel(module, "coarsen", texts, shape, constants, **dict.fromkeys(numbers, wp.int32))


@functools.cache
def cycle(shape: Shape, T: type, M: type, sweeps: int) -> SimpleNamespace:
    """A V-cycle, in the levels' type M, with 1 or 2 ``sweeps`` before and after the coarse correction.

    ``pack``: r, type T, in brick order -> the finest level. Blocks: slots.
    ``coarse``: the whole cycle on levels ``first`` and coarser. Blocks: 1.
    ``unpack``: the finest level -> z, type T, in brick order, and r.z. Blocks: slots.
    """
    module = module_name("geometric", shape, T, M, sweeps)
    I32, VEC = array(wp.int32), array(T)
    bricks = {"slots": wp.int32, "leaves": wp.int32, "used": I32, "origin": I32}
    coarse = dict.fromkeys(("slots", "first", "levels"), wp.int32)
    result = {"r": VEC, "z_": VEC, "rz_slots": array(wp.float64)}
    types = {"T": T, "M": M}
    return SimpleNamespace(
        pack=_kernel(module, "pack", ("pack",), shape, types, **bricks, r=VEC),
        coarse=_kernel(module, "coarse", ("cycle", "coarse"), shape, types | {"SWEEPS": sweeps}, **coarse),
        unpack=_kernel(module, "unpack", ("unpack",), shape, types, **bricks, **result),
    )


@functools.cache
def step(shape: Shape, M: type, sweeps: int) -> wp.Kernel:
    """One step of a cycle on one large ``level``. Blocks: slots."""
    module, numbers = module_name("geometric_step", shape, M, sweeps), ("slots", "level", "step")
    constants = {"M": M, "SWEEPS": sweeps}
    return _kernel(module, "step", ("cycle", "step"), shape, constants, **dict.fromkeys(numbers, wp.int32))


def _kernel(
    module: str, name: str, texts: tuple[str, ...], shape: Shape, constants: dict[str, Any], **arguments: object
) -> wp.Kernel:
    """A kernel over the levels. What only large levels need has modules of its own: a CPU compiles none of it."""
    texts = ("common/slot_rows", "common/numbers", "geometric/levels", *(f"geometric/{text}" for text in texts))
    levels = {"table": array(wp.int32), "total": wp.int64, "numbers": array(constants["M"])}
    return block_kernel(module, name, body(*texts, shape=shape, **constants), **arguments, **levels)
