"""The kernels of red-black DILU.

N = leaves * L cells in brick order. A cell's colour is the parity of its global coordinates: red (even) cells are
eliminated first, and no two cells of a colour share a face, but for the ends of a periodic axis of odd length.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name


@functools.cache
def red_black(shape: Shape, T: type, M: type) -> SimpleNamespace:
    """Blocks: ``slots`` for every kernel here.

    ``factor``: weight [N] = 1 / e and coupling [directions, N] = c, from A in double precision.
    ``forward``: y = (E + L)^-1 r.
    ``backward``: z = (E + U)^-1 E y, and r.z.

    Args:
        shape: the brick.
        T: type of r, y and z.
        M: type of weight and coupling; all sums are formed in T.
    """
    module = module_name("dilu", shape, T, M)
    F64, I32, VEC, FACTOR = array(wp.float64), array(wp.int32), array(T), array(M)
    bricks = {"slots": wp.int32, "leaves": wp.int32, "neighbor": I32, "used": I32, "origin": I32}
    factors = {"weight": FACTOR, "coupling": FACTOR}

    def kernel(name: str, **arguments: object) -> wp.Kernel:
        text = body("common/halo", "dilu/others", f"dilu/{name}", shape=shape, T=T, M=M)
        return block_kernel(module, name, text, **bricks, **arguments)

    return SimpleNamespace(
        factor=kernel("factor", conductance=F64, diagonal=F64, **factors),
        forward=kernel("forward", **factors, r=VEC, y_=VEC),
        backward=kernel("backward", **factors, r=VEC, y_=VEC, z_=VEC, rz_slots=F64),
    )
