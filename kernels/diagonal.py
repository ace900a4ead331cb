"""Kernels of the diagonal preconditioner."""

import functools

import warp as wp

from .building import module_name


@functools.cache
def reciprocal(T: type) -> wp.Kernel:
    """weight = 1 / diagonal. One thread per cell."""

    @wp.kernel(module=module_name("diagonal", T), enable_backward=False)
    def reciprocal(diagonal: wp.array(dtype=T), weight: wp.array(dtype=T)):
        i = wp.tid()
        weight[i] = T(1.0) / diagonal[i]

    return reciprocal
