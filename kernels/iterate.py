"""Scaling, keeping and finishing the right-hand side and the iterate, as ``kernels.control`` decides."""

from typing import Any

import warp as wp

from . import state as S
from .building import array, block_kernel, body

F64, I32 = array(wp.float64), array(wp.int32)

prepare = block_kernel(
    __name__,
    "prepare",
    body("control/prepare", SCALE=S.SCALE),
    slots=wp.int32,
    n=wp.int32,
    state=F64,
    warm_start=wp.int32,
    pressure=F64,
    b=F64,
    x=F64,
    x_best=F64,
)
"""b [n] *= 1 / ||b||; x = 0, or the last pressure in the same units. Blocks: slots."""

keep_best = block_kernel(
    __name__,
    "keep_best",
    body("control/keep_best", IMPROVED=S.IMPROVED),
    slots=wp.int32,
    n=wp.int32,
    counter=I32,
    x=F64,
    x_best=F64,
)
"""After a check: remembers x [n], or returns to the best iterate when x got worse. Blocks: slots."""

finish = block_kernel(
    __name__,
    "finish",
    body(
        "control/finish",
        STATUS=S.STATUS,
        RHS_NORM=S.RHS_NORM,
        NONFINITE_RHS=S.NONFINITE_RHS,
        BAD_DENSITY=S.BAD_DENSITY,
    ),
    slots=wp.int32,
    n=wp.int32,
    state=F64,
    counter=I32,
    keep_last=wp.int32,
    x=F64,
    pressure=F64,
)
"""pressure [n] = ||b|| x; after bad input the last good pressure, or zero. Blocks: slots."""


multiply = block_kernel(
    __name__,
    "multiply",
    body("control/multiply"),
    slots=wp.int32,
    n=wp.int32,
    factor=F64,
    vector=F64,
    product=F64,
)
"""product [n] = factor * vector; ``product`` may be ``vector`` itself. Blocks: slots."""


@wp.kernel(enable_backward=False)
def clear(vector: wp.array[Any]):
    """vector = 0. One thread per cell."""
    i = wp.tid()
    vector[i] = vector.dtype(0.0)


for _dtype in (wp.float32, wp.float64, wp.int32):  # now, or each type, as it comes, compiles the module again
    wp.overload(clear, {"vector": wp.array(dtype=_dtype)})


@wp.kernel(enable_backward=False)
def confine(fluid: wp.array[wp.uint8], vector: wp.array[wp.float64]):
    """vector [n] = 0 outside the fluid. One thread per cell."""
    i = wp.tid()
    if fluid[i] == wp.uint8(0):
        vector[i] = wp.float64(0.0)


@wp.kernel(enable_backward=False)
def rounded(
    state: wp.array[wp.float64],
    pressure: wp.array[wp.float64],
    x: wp.array[wp.float64],
):
    """x [n] = pressure rounded to single precision, then scaled as if ||b|| = 1. One thread per cell."""
    i = wp.tid()
    x[i] = wp.float64(wp.float32(pressure[i])) * state[S.SCALE]
