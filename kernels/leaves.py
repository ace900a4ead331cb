"""The near field: every leaf's matrix factored, inverted, and solved with.

A leaf's matrix is A restricted to its cells: banded, half-bandwidth BW, symmetric positive definite. Two forms:

- banded (the CPU's): L D L^T factors of W leaves interleaved, [groups, L, BW + 1, W], so that one SIMD lane solves one
  leaf; nothing is ever inverted and a solve costs 2 BW + 1 multiplications a cell. Stored in the vectors' type.
- dense (the GPU's): G with G^T G the inverse, [leaves, L, L], applied as two triangular products in one block. Memory
  traffic is all it costs, so G is stored in the preconditioner's type; the arithmetic is that of the vectors.

``members`` [groups * W] lists the leaves of each group, -1 for none; ``places`` [leaves] is the inverse.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

GROUP_CPU, GROUP_CUDA = 8, 32
"""W: leaves factored together by one block; a SIMD vector on the CPU, a warp on CUDA."""

NO_COARSE, RESTRICT, PUSH, CYCLE = 0, 1, 2, 3
"""What a sweep leaves for the coarse space (``native/leaves/sweep.h``): nothing, Phi^T r, or the pushed residual, after
a symmetric sweep or half way through it."""

F64, I32 = array(wp.float64), array(wp.int32)


@functools.cache
def factorization(shape: Shape, halfwidth: int, W: int) -> SimpleNamespace:
    """Setup kernels, in double precision. All but the first skip what only depends on unchanged leaves.

    ``find_changes``: leaves whose rows of A differ from ``seen`` [directions + 1, N], the last frame's. Blocks: leaves.
    ``factor``, ``factor_closed``: L D L^T of the leaves, or of the leaves with closed faces. Blocks: groups.
    ``invert``: G [leaves, L, L] of the inverses G^T G, from the factors. Blocks: leaves.
    """
    module = module_name("factorization", shape, W)

    def factor(name: str, closed: bool) -> wp.Kernel:
        return block_kernel(
            module,
            name,
            body("leaves/rows", "leaves/factor", shape=shape, BW=halfwidth, W=W, CLOSED=closed),
            leaves=wp.int32,
            changed=I32,
            members=I32,
            used=I32,
            pinned=array(wp.uint8),
            conductance=F64,
            diagonal=F64,
            factor=F64,
        )

    find_changes = block_kernel(
        module,
        "find_changes",
        body("leaves/changes", shape=shape),
        leaves=wp.int32,
        conductance=F64,
        diagonal=F64,
        seen=F64,
        changed=I32,
    )
    return SimpleNamespace(
        find_changes=find_changes,
        factor=factor("factor", False),
        factor_closed=factor("factor_closed", True),
        invert=inversion(module, "invert", shape, halfwidth, W),
    )


def inversion(module: str, name: str, box: Shape, halfwidth: int, W: int) -> wp.Kernel:
    """G [boxes, L, L] of the inverses G^T G of banded matrices, from factors, where ``changed``. Blocks: boxes."""
    return block_kernel(
        module,
        name,
        body("leaves/inverse", shape=box, BW=halfwidth, W=W),
        changed=I32,
        places=I32,
        factor=F64,
        inverse=F64,
    )


@functools.cache
def sweeping(shape: Shape, halfwidth: int, W: int, T: type, M: type, R: int, mode: int, dense: bool) -> wp.Kernel:
    """The leaf solve of one colour, ``native/leaves/sweep.h``. Blocks: groups of the colour (dense: its leaves, W = 1).

    Args:
        T: type of the vectors and of the arithmetic.
        M: type that dense factors and the basis are stored in.
        R: coarse functions a leaf.
        mode: NO_COARSE, RESTRICT, PUSH or CYCLE.
    """
    sources = [
        "common/halo",
        "common/faces",
        "common/sums",
        "leaves/substitute",
        "leaves/multiply_root",
        "leaves/sweep",
    ]
    form = "dense" if dense else "banded"
    return block_kernel(
        module_name("sweep", shape, W, T, M, R, mode, form),
        "sweep",
        body(*sources, shape=shape, BW=halfwidth, W=W, T=T, M=M, R=R, MODE=mode, DENSE=dense),
        leaves=wp.int32,
        first=wp.int32,
        coupled=wp.int32,
        first_visit=wp.int32,
        last_visit=wp.int32,
        additive=wp.int32,
        members=I32,
        color=I32,
        neighbor=I32,
        side=I32,
        used=I32,
        conductance=F64,
        diagonal=F64,
        factor=array(M if dense else T),
        basis=array(M),
        face_basis=array(M),
        r=array(T),
        y_=array(T),
        coarse=F64,
        correction=F64,
    )
