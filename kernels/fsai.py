"""The kernels around Warp's FSAI factor G: refilling its matrix, and z = G^T G r.

N = leaves * L rows in brick order; the matrix, G and G^T are compressed sparse rows (offsets, columns, values).
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

F64, I32 = array(wp.float64), array(wp.int32)


@functools.cache
def fill(shape: Shape) -> wp.Kernel:
    """values = A, entry by entry. Blocks: ``slots``.

    ``place`` [directions + 1, N]: the place in values of each face's coupling, -1 for none, and last of the diagonal.
    """
    return block_kernel(
        module_name("fsai_fill", shape),
        "fill",
        body("fsai/fill", shape=shape),
        slots=wp.int32,
        n=wp.int32,
        place=I32,
        conductance=F64,
        diagonal=F64,
        values=F64,
    )


@functools.cache
def products(T: type, M: type) -> SimpleNamespace:
    """Blocks: ``slots``.

    ``multiply``: y = matrix x.
    ``multiply_dot``: the same, and u.y.

    Args:
        T: type of the vectors and of the sums.
        M: type of the matrix.
    """

    module = module_name("fsai", T, M)
    matrix = {"slots": wp.int32, "n": wp.int32, "offsets": I32, "columns": I32, "values": array(M)}
    vectors = {"x": array(T), "y_": array(T)}
    dot = {"u": array(T), "uy_slots": F64}
    multiply, multiply_dot = (body("fsai/row", f"fsai/{name}", T=T, M=M) for name in ("multiply", "multiply_dot"))
    return SimpleNamespace(
        multiply=block_kernel(module, "multiply", multiply, **matrix, **vectors),
        multiply_dot=block_kernel(module, "multiply_dot", multiply_dot, **matrix, **vectors, **dot),
    )
