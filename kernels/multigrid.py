"""The kernels of black-box multigrid.

Levels are row-major. How a level's numbers lie in ``numbers``, and what ``table`` says of the levels, is at the head of
``native/multigrid/levels.h``.
"""

import functools
from collections.abc import Sequence
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

FIELDS, ALIGN, GHOSTS = 5, 16, 3
"""Entries of a level in ``table``; a divisor of the length of every array; ghost cells at either end of a row."""

LEAD = ALIGN - GHOSTS
"""Where the numbers begin, so that the first cell of each row is aligned."""

OVERHANG = 128
"""Spare numbers behind the last array: the setup reads that far beyond a row's end, and drops the results."""

DIRECT_CELLS = 64
"""Cells of the largest level that is solved exactly."""

BRICKS = {"slots": wp.int32, "leaves": wp.int32, "used": array(wp.int32), "origin": array(wp.int32)}
"""Arguments of kernels that know vectors in brick order."""


def arrays(dimension: int, finest: bool) -> int:
    """Arrays of a level in ``numbers``: four, couplings, and on coarser levels interpolation and a right-hand side."""
    block = 3**dimension
    return 4 + (dimension if finest else block // 2 + block + 1)


def tile_planes(dimension: int, M: type, cuda: bool, level: Sequence[int]) -> int:
    """Coarse cells of a tile along the grid's first axis (``native/multigrid/passes.h``), on a coarse level x, y, z."""
    if dimension == 3:
        return 2 if cuda and M is wp.float64 else 4
    if cuda:
        return 8
    _, y, z = level
    line, area = (min(z, 512) + 25) // 16 * 32, 84 * 1024 // wp.types.type_size_in_bytes(M)
    most = (area // line - 4) // 2
    return -(-y // -(-y // most))


def first_sweep_and_rhs(dimension: int) -> tuple[int, int]:
    """Numbers of Y and B among a coarse level's arrays (``native/multigrid/levels.h``), which the way down writes."""
    return 2, arrays(dimension, False) - 1


@functools.cache
def fine(shape: Shape, M: type) -> wp.Kernel:
    """From A to the finest level's operator, once per frame. Blocks: slots."""
    F64 = array(wp.float64)
    assembled = {"conductance": F64, "leak": F64, "diagonal": F64}
    return _kernel(module_name("multigrid_setup", shape, M), "fine", ("fine",), shape, {"M": M}, **BRICKS, **assembled)


@functools.cache
def setup_rest(dimension: int, M: type) -> wp.Kernel:
    """All phases (see ``phase``) from level ``first`` on, and ``inverse`` [n, n] of the coarsest level, of n cells;
    ``work`` [n, n] is scratch. Blocks: 1."""
    rest = {"slots": wp.int32, "first": wp.int32, "levels": wp.int32, "work": array(wp.float64), "inverse": array(M)}
    return _of_levels("setup_rest", ("weights", "galerkin", "inverse", "setup_rest"), dimension, M, **rest)


@functools.cache
def phase(dimension: int, M: type) -> wp.Kernel:
    """One ``phase`` of the setup of a large ``level``: 0 to dimension interpolation, then the next level's operator.
    Blocks: slots."""
    numbers = dict.fromkeys(("slots", "level", "phase"), wp.int32)
    return _of_levels("setup_phase", ("weights", "galerkin", "phase"), dimension, M, name="phase", **numbers)


@functools.cache
def copies(shape: Shape, T: type, M: type) -> SimpleNamespace:
    """Between vectors of type T in brick order and levels of type M.

    ``pack``: r -> the finest level. Blocks: slots.
    ``unpack``: the finest level -> z, and r.z. Blocks: slots.
    """
    module, types, VEC = module_name("multigrid", shape, T, M), {"T": T, "M": M}, array(T)
    result = {"r": VEC, "z_": VEC, "rz_slots": array(wp.float64)}
    return SimpleNamespace(
        pack=_kernel(module, "pack", ("bricks", "pack"), shape, types, **BRICKS, r=VEC),
        unpack=_kernel(module, "unpack", ("bricks", "unpack"), shape, types, **BRICKS, **result),
    )


@functools.cache
def rest(dimension: int, M: type) -> wp.Kernel:
    """A V-cycle on levels ``first`` and coarser. Blocks: 1."""
    numbers = {"slots": wp.int32, "first": wp.int32, "levels": wp.int32, "inverse": array(M)}
    return _of_levels("rest", ("rows", "passes", "coarsest", "rest"), dimension, M, **numbers)


@functools.cache
def passes(dimension: int, M: type, tiles: int = 1) -> SimpleNamespace:
    """``down``, ``up``: the two passes of a cycle over a large ``level``. Blocks: slots.

    Args:
        tiles: on a CPU in 2D, the number of tiles of a level is a multiple of this.
    """
    numbers = dict.fromkeys(("slots", "level"), wp.int32)
    names = {name: ("rows", "passes", name) for name in ("down", "up")}
    return SimpleNamespace(
        **{name: _of_levels("passes", texts, dimension, M, name, tiles, **numbers) for name, texts in names.items()}
    )


def _of_levels(
    group: str, texts: tuple[str, ...], dimension: int, M: type, name: str = "", tiles: int = 1, **arguments: object
) -> wp.Kernel:
    """A kernel that knows nothing of bricks: grids with leaves of any shape share it."""
    module = module_name(f"multigrid_{group}", f"{dimension}d", M, *[tiles] * (tiles > 1))
    return _kernel(module, name or group, texts, Shape(dimension, (1, 1, 1)), {"M": M, "TILES": tiles}, **arguments)


def _kernel(
    module: str, name: str, texts: tuple[str, ...], shape: Shape, types: dict[str, type], **arguments: object
) -> wp.Kernel:
    """What only large levels need has modules of its own: a CPU compiles none of it."""
    texts = ("common/slot_rows", "common/numbers", "multigrid/levels", *(f"multigrid/{text}" for text in texts))
    text = body(*texts, shape=shape, **types, DIRECT_CELLS=DIRECT_CELLS)
    return block_kernel(module, name, text, **arguments, table=array(wp.int32), numbers=array(types["M"]))
