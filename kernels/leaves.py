"""The near field: every leaf's matrix is factored or inverted, and solved with.

A leaf's matrix is A restricted to its cells: banded, half-bandwidth BW, symmetric positive definite. Two forms:

- banded (the CPU's): L D L^T factors of W leaves interleaved, [groups, L, BW + 1, W], so that one SIMD lane solves one
  leaf; nothing is ever inverted and a solve costs 2 BW + 1 multiplications a cell. Stored in the vectors' type or,
  in a cycle (CYCLE), in the preconditioner's; deflation asks for exact solves.
- dense (the GPU's): a leaf is a sequence of planes of BW cells, and its matrix block tridiagonal. Planes are eliminated
  from both ends to the middle. Of each one's Schur complement G is kept, with G^T G the inverse, and the couplings to
  the next plane, [leaves, L / BW, BW + 1, BW]. A solve is two triangular products a plane, there and back, by two
  warps. If planes are very small or large (``by_planes``), G is that of the whole leaf, [leaves, L, L], applied as two
  triangular products by a block. Stored in the preconditioner's type; arithmetic is in the vectors' type. One block
  makes the numbers of one leaf, in double precision and in shared memory.

``members`` [groups * W] lists the leaves of each group, -1 for none; ``places`` [leaves] says where a leaf is in it. In
the dense form a group is one leaf, W = 1.
"""

import functools

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

WARP = 32
"""Lanes that CUDA runs together."""

GROUP_CPU, GROUP_CUDA = 8, WARP
"""W: leaves that one block takes together; a SIMD vector on the CPU, a warp on CUDA."""

NO_COARSE, RESTRICT, PUSH, CYCLE = 0, 1, 2, 3
"""What a sweep leaves for the coarse space (``native/leaves/sweep.h``): nothing, Phi^T r, or the pushed residual, after
a symmetric sweep or half way through it."""

SHARED_BAND = 4608
"""Numbers of the largest band that a block eliminates in shared memory: 36 KB of 48."""

F64, I32 = array(wp.float64), array(wp.int32)


def fits(size: int, halfwidth: int) -> bool:
    """Whether a block eliminates a matrix in shared memory; else ``factor`` has ``size * (halfwidth + 1)`` numbers."""
    return size * (halfwidth + 1) <= SHARED_BAND


def by_planes(size: int, halfwidth: int) -> bool:
    """Whether the dense form takes a leaf plane by plane: a warp has a lane for each cell of a plane, the planes are
    not so many that the chain of products takes long, and a block eliminates them in shared memory."""
    return 4 <= halfwidth <= WARP and fits(size + 2 * halfwidth, halfwidth)


def dense_numbers(size: int, halfwidth: int) -> int:
    """Numbers of a leaf in the dense form."""
    return size * (halfwidth + 1 if by_planes(size, halfwidth) else size)


def operator_arguments() -> dict[str, object]:
    """Arguments of the kernels that read leaves' rows of A (``native/leaves/rows.h``)."""
    which = {"leaves": wp.int32, "changed": I32, "members": I32, "used": I32}
    return which | {"pinned": array(wp.uint8), "conductance": F64, "diagonal": F64}


@functools.cache
def changes(shape: Shape) -> wp.Kernel:
    """changed [leaves]: 1 where a leaf's rows of A differ from those of the last frame, whose sums ``seen`` [leaves, 2]
    holds; then ``seen`` takes the new ones. Blocks: leaves."""
    return block_kernel(
        module_name("changes", shape),
        "find_changes",
        body("leaves/changes", shape=shape),
        leaves=wp.int32,
        conductance=F64,
        diagonal=F64,
        seen=array(wp.uint64),
        changed=I32,
    )


@functools.cache
def list_leaves(W: int) -> wp.Kernel:
    """listed, groups * W or more: the leaves of ``members`` that changed or, if ``reach``, have a neighbour that did,
    in groups; then -1. ``marked`` [leaves]: which leaves these are. So the CPU's kernels that take W leaves at once
    take few that did not change. One block."""
    return block_kernel(
        module_name("list_leaves", W),
        "list_leaves",
        body("leaves/list", W=W),
        leaves=wp.int32,
        directions=wp.int32,
        reach=wp.int32,
        members=I32,
        changed=I32,
        neighbor=I32,
        marked=I32,
        listed=I32,
    )


@functools.cache
def factorization(shape: Shape, halfwidth: int, W: int) -> wp.Kernel:
    """The banded form's setup: ``factor``, L D L^T in fp64, of groups with changed leaves. Blocks: groups."""
    text = body(
        "leaves/rows",
        "leaves/group_changed",
        "leaves/band",
        "leaves/factor",
        shape=shape,
        BW=halfwidth,
        W=W,
        CLOSED=False,
    )
    return block_kernel(module_name("factorization", shape, W), "factor", text, **operator_arguments(), factor=F64)


@functools.cache
def listed_factorization(shape: Shape, halfwidth: int, W: int, F: type) -> wp.Kernel:
    """The same for the leaves of ``list_leaves``, each to be put in its own place, stored as F. Blocks: groups."""
    constants = {"BW": halfwidth, "W": W, "F": F, "CLOSED": False}
    text = body("leaves/rows", "leaves/band", "leaves/factor_listed", shape=shape, **constants)
    arguments = {**operator_arguments(), "factor": array(F), "places": I32, "listed": I32}
    return block_kernel(module_name("listed_factorization", shape, W, F), "factor", text, **arguments)


@functools.cache
def roots(shape: Shape, halfwidth: int, M: type) -> wp.Kernel:
    """The dense form's setup: ``inverse`` [leaves, ``dense_numbers``] of changed leaves. Blocks: groups of one."""
    module, operator = module_name("roots", shape, M), operator_arguments()
    if not by_planes(shape.leaf_size, halfwidth):
        return root(module, "root", "leaves/rows", shape, halfwidth, M, operator)
    constants = {"BW": halfwidth, "W": 1, "M": M, "CLOSED": False}
    text = body("leaves/rows", "leaves/eliminate_planes", "leaves/plane_roots", shape=shape, **constants)
    return block_kernel(module, "root", text, **operator, factor=F64, inverse=array(M))


def root(
    module: str, name: str, rows: str, box: Shape, halfwidth: int, M: type, operator: dict[str, object], **more: int
) -> wp.Kernel:
    """G [matrices, L, L], with G^T G the inverse of each matrix. The fragment ``rows`` assembles the rows of matrices
    from the arguments ``operator``; ``factor`` is scratch, used if ``fits`` says no. Blocks: groups of one."""
    constants = {"BW": halfwidth, "W": 1, "M": M, "FITS": fits(box.leaf_size, halfwidth), "CLOSED": False, **more}
    text = body(rows, "leaves/eliminate", "leaves/root", shape=box, **constants)
    return block_kernel(module, name, text, **operator, factor=F64, inverse=array(M))


def inverse_step(
    module: str,
    name: str,
    rows: str,
    box: Shape,
    halfwidth: int,
    W: int,
    functions: int,
    operator: dict[str, object],
    **more: int,
) -> wp.Kernel:
    """``raw`` [groups, functions, L, W] = (closed matrix)^-1 D ``start``: D is the diagonal, ``start`` holds start
    functions for all leaves together or, if ``own``, for each. Banded, it solves by the factors of closed matrices.
    Blocks: groups * functions. Dense, W = 1, it eliminates from the operator, as ``root`` does. Blocks: groups.
    """
    ends = {"own": wp.int32, "start": array(wp.float32), "raw": F64, "factor": F64}
    constants = {"BW": halfwidth, "W": W, "FUNCTIONS": functions}
    if W > 1:
        text = body(
            "leaves/group_changed",
            "leaves/substitute",
            "leaves/start",
            "leaves/group_step",
            "leaves/inverse_step",
            shape=box,
            **constants,
        )
        return block_kernel(module, name, text, changed=I32, members=I32, diagonal=F64, **ends)
    constants |= {"FITS": fits(box.leaf_size, halfwidth), "CLOSED": True, **more}
    text = body(rows, "leaves/start", "leaves/eliminate", "leaves/inverse_steps", "leaves/raw", shape=box, **constants)
    return block_kernel(module, name, text, **operator, **ends)


@functools.cache
def sweeping(
    shape: Shape, halfwidth: int, W: int, T: type, M: type, F: type, R: int, mode: int, dense: bool
) -> wp.Kernel:
    """The leaf solve of one colour, ``native/leaves/sweep.h``. Blocks: groups of the colour (dense: its leaves, W = 1).

    Args:
        T: type of the vectors and of the arithmetic.
        M: type that the basis is stored in.
        F: type that the factors are stored in.
        R: coarse functions a leaf.
        mode: NO_COARSE, RESTRICT, PUSH or CYCLE.
    """
    sources = [
        "common/halo",
        "common/faces",
        "common/sums",
        "leaves/substitute",
        "leaves/multiply_root",
        "leaves/solve_planes",
        "leaves/sweep",
    ]
    planes = dense and by_planes(shape.leaf_size, halfwidth)
    forms = {"DENSE": dense and not planes, "BY_PLANES": planes}
    form = "planes" if planes else "dense" if dense else "banded"
    return block_kernel(
        module_name("sweep", shape, W, T, M, F, R, mode, form),
        "sweep",
        body(*sources, shape=shape, BW=halfwidth, W=W, T=T, M=M, R=R, MODE=mode, **forms),
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
        factor=array(F),
        basis=array(M),
        face_basis=array(M),
        r=array(T),
        y_=array(T),
        coarse=F64,
        correction=F64,
    )
