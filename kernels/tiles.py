"""Applying a hierarchical matrix: dense leaves, low-rank tiles over strips of leaves (arXiv 2605.13343).

M = D + sum over tiles of ( P_r U C V^T P_c^T + transpose ): D [leaves, L, L] is dense and symmetric, U and V are bases
that all tiles share, ``basis`` [leaves, 2 rank, L] with U's functions before V's, C is ``cores`` [tiles, rank, rank],
and P_r and P_c select a tile's strips. Factors may be stored in half precision. All sums run in a fixed order.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

F32, F64, I32 = array(wp.float32), array(wp.float64), array(wp.int32)


@functools.cache
def tiling(shape: Shape, T: type, S: type, rank: int) -> SimpleNamespace:
    """``leaves``: y = D r, restricted = (U^T r, V^T r), [leaves, 2 rank]. Blocks: leaves.

    ``cores``: result [tiles, 2 rank], what each tile adds to its row and column leaves. Blocks: tiles.
    ``prolong``: z = y + U, V times the sums of result, and r.z. Blocks: slots.

    Args:
        T: type of r and z.
        S: type in which D, the bases and the cores are stored.
        rank: of the bases, a power of two.
    """
    module = module_name("tiles", shape, T, S, rank)
    constants = {"shape": shape, "T": T, "M": wp.float32, "S": S, "R": 2 * rank}
    factors, vector = array(S), array(T)
    leaves = block_kernel(
        module,
        "leaves",
        body("common/sums", "tiles/leaves", **constants),
        blocks=factors,
        basis=factors,
        r=vector,
        y_=F32,
        restricted=F32,
    )
    cores = block_kernel(
        module,
        "cores",
        body("tiles/cores", **constants),
        order=I32,
        row=I32,
        column=I32,
        size=I32,
        column_size=I32,
        cores=factors,
        restricted=F32,
        result=F32,
    )
    prolong = block_kernel(
        module,
        "prolong",
        body("tiles/prolong", **constants),
        slots=wp.int32,
        leaves=wp.int32,
        first=I32,
        tile=I32,
        basis=factors,
        result=F32,
        y_=F32,
        r=vector,
        z_=vector,
        rz_slots=F64,
    )
    return SimpleNamespace(leaves=leaves, cores=cores, prolong=prolong)
