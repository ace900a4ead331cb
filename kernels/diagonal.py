"""Kernels of the diagonal preconditioner."""

import functools

import warp as wp

from .building import array, block_kernel, body, module_name


@functools.cache
def reciprocal(T: type) -> wp.Kernel:
    """weight [n] = 1 / diagonal. Blocks: slots."""
    return block_kernel(
        module_name("diagonal", T),
        "reciprocal",
        body("diagonal/reciprocal", T=T),
        slots=wp.int32,
        n=wp.int32,
        diagonal=array(T),
        weight=array(T),
    )
