"""A coarse space of the coarse space: bricks of nodes, treated as the grid's leaves are.

A *node* is a leaf of the grid, or a brick of the level below; it has R unknowns. The matrix E on the nodes is given by
its blocks [nodes, directions + 1, R, R], the neighbours' and last its own. ``mass`` [nodes, directions, R, R] is what
closing a node's face in the grid takes off its own block, which the couplings of a Galerkin matrix do not tell. A
*brick* is a group of P = L / R nodes, L unknowns in all; ``nodes`` [bricks, P] lists them, -1 for none; ``places``
[nodes] says where a node is in that list; ``inside`` [P, directions] is the position of a node's neighbour in the same
brick. All is in double precision except the roots of the dense inverses. Brick order: [bricks, P, R].
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name
from .leaves import inverse_step, root

UNKNOWNS = 128
"""L: unknowns of a brick."""

F64, I32, U8 = array(wp.float64), array(wp.int32), array(wp.uint8)


def brick_shape(dimension: int, R: int) -> Shape:
    """A brick as a box for the kernels of leaves: nodes along the middle axis, their unknowns along the last."""
    return Shape(dimension, (1, UNKNOWNS // R, R))


@functools.cache
def nesting(
    dimension: int, halfwidth: int, W: int, M: type, R: int, R2: int, dense: bool, mass: bool
) -> SimpleNamespace:
    """Kernels of bricks of nodes with R unknowns, R2 functions a brick.

    ``find_changes``: bricks with changed rows; the diagonal in brick order. Blocks: bricks.
    ``factor``, ``factor_closed``, banded: L D L^T of the bricks' matrices, open and closed. Blocks: groups.
    ``root``, dense: roots of the inverses, as in ``kernels.leaves``. Blocks: groups of one.
    ``inverse_step``: as in ``kernels.leaves``. ``orthonormalize``: raw functions -> ``basis``. Blocks: bricks.
    ``galerkin``: blocks, scale and, if ``mass``, mass of the bricks, as nodes of the level above. Blocks: bricks.
    ``sweep``: one colour of the cycle. Blocks: groups of the colour (dense: its bricks, one each).

    Args:
        M: type that dense roots are stored in.
    """
    shape = brick_shape(dimension, R)
    module = module_name("nested", shape, W, M, R2, f"{dimension}d", "dense" if dense else "banded", int(mass))
    graph = {"nodes": I32, "inside": I32}
    couplings = {"neighbor": I32, "side": I32, "places": I32, "brick_neighbor": I32, "brick_side": I32}

    matrix = {"slack": wp.float64, "closed": I32, "scale": F64, "blocks": F64, "mass": F64}
    operator = {"changed": I32, "members": I32, **graph, "pinned": U8, **matrix}

    def factor(name: str, closed: bool) -> wp.Kernel:
        text = body(
            "nested/rows",
            "leaves/group_changed",
            "leaves/band",
            "leaves/factor",
            shape=shape,
            BW=halfwidth,
            W=W,
            R=R,
            CLOSED=closed,
        )
        return block_kernel(module, name, text, **operator, factor=F64)

    find_changes = block_kernel(
        module,
        "find_brick_changes",
        body("nested/changes", shape=shape, R=R),
        nodes=I32,
        neighbor=I32,
        node_changed=I32,
        blocks=F64,
        diagonal=F64,
        changed=I32,
    )
    if dense:
        factors = {"root": root(module, "root_brick", "nested/rows", shape, halfwidth, M, operator, R=R)}
    else:
        factors = {"factor": factor("factor_brick", False), "factor_closed": factor("factor_closed_brick", True)}
    rows, closing = "nested/rows", {**operator, "diagonal": F64}
    step = inverse_step(module, "brick_inverse_step", rows, shape, halfwidth, W, R2 - 1, closing, R=R)
    orthonormalize = block_kernel(
        module,
        "orthonormalize_brick",
        body("coarse/orthonormal", "coarse/orthonormalize", shape=shape, W=W, M=wp.float64, R=R2),
        changed=I32,
        places=I32,
        pieces=U8,
        piece_count=I32,
        weight=F64,
        raw=F64,
        basis=F64,
    )
    galerkin = block_kernel(
        module,
        "brick_galerkin",
        body("nested/galerkin", shape=shape, R=R, R2=R2, MASS=mass),
        changed=I32,
        **graph,
        **couplings,
        blocks=F64,
        mass=F64,
        scale=F64,
        basis=F64,
        upper_blocks=F64,
        upper_mass=F64,
        upper_scale=F64,
    )
    sources = ["coarse/gather", "leaves/substitute", "leaves/multiply_root", "nested/sweep"]
    sweep = block_kernel(
        module,
        "brick_sweep",
        body(
            *sources, shape=shape, BW=halfwidth, W=1 if dense else W, T=wp.float64, R=R, R2=R2, DENSE=dense, PUSHED=True
        ),
        first=wp.int32,
        upward=wp.int32,
        members=I32,
        color=I32,
        **graph,
        **couplings,
        blocks=F64,
        factor=array(M if dense else wp.float64),
        psi=F64,
        coarse=F64,
        y_=F64,
        upper=F64,
        correction=F64,
    )
    return SimpleNamespace(
        find_changes=find_changes,
        inverse_step=step,
        orthonormalize=orthonormalize,
        galerkin=galerkin,
        sweep=sweep,
        **factors,
    )
