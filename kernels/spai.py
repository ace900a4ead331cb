"""The kernels of the learned sparse approximate inverse: its network, and M = F F^T + epsilon D^-1.

N = leaves * L cells in brick order. F has A's sparsity and is stored like A: ``factor_diagonal`` [N] and ``factor``
[directions, N], off-diagonals negated; ``transpose`` [directions, N] holds the off-diagonals of F^T.

The network passes messages along A's faces. Its channels lie together, [N, C], and are single precision whatever the
solver's; what one layer needs of a cell's neighbours is computed once by the layer before, so a layer is one kernel.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

F32, F64, I32 = array(wp.float32), array(wp.float64), array(wp.int32)
BRICKS = {"slots": wp.int32, "leaves": wp.int32, "neighbor": I32, "used": I32}


@functools.cache
def network(shape: Shape, C: int, layers: int, M: type) -> SimpleNamespace:
    """The network, from A in double precision to F. Blocks: ``slots`` for every kernel here.

    ``encode``: edge features ``ratio`` [2 * directions, N] = c_ij / d_i and c_ij / d_j, ``hidden`` [N, C], and
    ``to_across`` [N, C], the part of a message that depends on its sender.
    ``layer``: message-passing layer number ``layer``.
    ``head``: F and the diagonal ``shift`` [N] = epsilon / d.
    ``transpose``: the off-diagonals of F^T.

    Args:
        shape: the brick.
        C: channels.
        layers: message-passing layers.
        M: type of F.
    """
    module = module_name("spai_network", shape, C, layers, M)
    FACTOR = array(M)

    def kernel(name: str, **arguments: object) -> wp.Kernel:
        text = body("common/halo", "spai/network", f"spai/{name}", shape=shape, C=C, LAYERS=layers, M=M)
        return block_kernel(module, name, text, **BRICKS, weights=F32, **arguments)

    state = {"ratio": F32, "hidden": F32}
    rows = {"factor_diagonal": FACTOR, "factor": FACTOR, "shift": FACTOR}
    transpose = block_kernel(
        module,
        "transpose",
        body("common/halo", "spai/transpose", shape=shape, M=M),
        **BRICKS,
        conductance=F64,
        factor=FACTOR,
        transpose=FACTOR,
    )
    return SimpleNamespace(
        encode=kernel("encode", conductance=F64, diagonal=F64, **state, to_across=F32),
        layer=kernel("layer", layer=wp.int32, **state, from_across=F32, to_across=F32),
        head=kernel("head", epsilon=wp.float64, diagonal=F64, **state, from_across=F32, **rows),
        transpose=transpose,
    )


@functools.cache
def application(shape: Shape, T: type, M: type) -> SimpleNamespace:
    """M applied to a vector. Blocks: ``slots`` for both kernels.

    ``gather``: y = F^T r.
    ``spread``: z = F y + shift r, and r.z.

    Args:
        shape: the brick.
        T: type of r, y and z, in which all sums are formed: M rounded to M's type is still exactly symmetric.
        M: type of F.
    """
    module = module_name("spai", shape, T, M)
    VEC, FACTOR = array(T), array(M)

    def kernel(name: str, **arguments: object) -> wp.Kernel:
        text = body("common/halo", f"spai/{name}", shape=shape, T=T, M=M)
        return block_kernel(module, name, text, **BRICKS, factor_diagonal=FACTOR, **arguments)

    return SimpleNamespace(
        gather=kernel("gather", transpose=FACTOR, r=VEC, y_=VEC),
        spread=kernel("spread", factor=FACTOR, shift=FACTOR, r=VEC, y_=VEC, z_=VEC, rz_slots=F64),
    )
