"""Relaxation of whole lines of cells, through all leaves of a *column*.

A column is the leaves that lie behind each other along an axis; ``columns`` [columns, length] lists them in that order.
Arrays of cells are in brick order.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

F64, I32 = array(wp.float64), array(wp.int32)


@functools.cache
def lines(shape: Shape, T: type, axis: int) -> SimpleNamespace:
    """Kernels for lines along ``axis`` of a 2D grid, counted as directions are: 0 is the grid's last axis.

    ``factor``: ``ratio`` and ``weight`` [N], the lines' factors (``native/lines/factor.h``). Blocks: columns.
    ``sweep``: out = x + 0.8 T^-1 (r - A x), where x is zero if ``fresh``, and x + added if ``adds``; ``solved`` [N] is
    scratch. Blocks: columns.
    """
    module = module_name("lines", shape, T, axis)
    vector = array(T)
    column = {"leaves": wp.int32, "length": wp.int32, "columns": I32, "used": I32, "conductance": F64}
    column["leak"] = F64
    factors = {"ratio": F64, "weight": F64}
    text = body("lines/along", "lines/factor", shape=shape, AXIS=axis)
    factor = block_kernel(module, "factor", text, **column, **factors)
    sweep = block_kernel(
        module,
        "sweep",
        body("common/halo", "lines/differences", "lines/along", "lines/sweep", shape=shape, T=T, AXIS=axis),
        fresh=wp.int32,
        adds=wp.int32,
        **column,
        neighbor=I32,
        **factors,
        r=vector,
        x_=vector,
        added=vector,
        solved=F64,
        out=vector,
    )
    return SimpleNamespace(factor=factor, sweep=sweep)


@functools.cache
def remainder(shape: Shape, T: type) -> wp.Kernel:
    """left = r - A x. Blocks: slots."""
    vector = array(T)
    return block_kernel(
        module_name("lines_remainder", shape, T),
        "remainder",
        body("common/halo", "lines/differences", "lines/remainder", shape=shape, T=T),
        slots=wp.int32,
        leaves=wp.int32,
        neighbor=I32,
        used=I32,
        conductance=F64,
        leak=F64,
        r=vector,
        x_=vector,
        left=vector,
    )
