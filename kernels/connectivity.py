"""Which cells of the fluid hang together, found on the device in every frame, and means over what nothing fixes.

Two cells hang together if the face between them conducts. A *piece* is what hangs together inside a leaf; pieces that
faces of leaves join make a *region*, named by its smallest cell, its *root*. A region that nothing leaves through an
open side or a surface is *singular*: its pressure has no fixed level. One of a single piece that no face of its leaf
joins to anything, itself included, is a *pocket*. All arrays are in brick order, int32 or uint8; results do not depend
on the order in which blocks run.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

WHOLE = 1
"""In ``only``, between two kernels: the leaf is one piece."""

F64, I32, I64, U8 = array(wp.float64), array(wp.int32), array(wp.int64), array(wp.uint8)


@functools.cache
def connectivity(shape: Shape) -> SimpleNamespace:
    """Kernels to be launched in this order, each with ``leaves`` blocks.

    ``pieces``: label [N], the piece of each cell; begins parent, size [N], linked and leaks [N].
    ``links``: unites pieces across faces of leaves.
    ``roots``: parent [N] of first cells is the root, leaks [N] of roots is whether anything leaves the region.
    ``regions``: region [N], the root of singular regions, -1 for other cells; size [N] of roots; pieces [N], numbers of
    pieces in their leaf, the largest first, 0 in pockets and outside the fluid; piece_count, only [leaves]; pinned [N].
    """
    module = module_name("connectivity", shape)
    graph = {"neighbor": I32, "side": I32, "used": I32}
    forest = {"label": I32, "parent": I32, "linked": U8, "leaks": U8}

    def kernel(name: str, *texts: str, **arguments: object) -> wp.Kernel:
        return block_kernel(module, name, body(*texts, shape=shape, WHOLE=WHOLE), leaves=wp.int32, **arguments)

    operator = {"used": I32, "fluid": U8, "conductance": F64, "leak": F64}
    united = ["connectivity/atomics", "connectivity/forest"]
    return SimpleNamespace(
        pieces=kernel("pieces", "connectivity/pieces", **operator, **forest, size=I32, only=I32),
        links=kernel("links", "common/faces", *united, "connectivity/links", **graph, conductance=F64, **forest),
        roots=kernel("roots", *united, "connectivity/roots", **forest),
        regions=kernel(
            "regions",
            "connectivity/atomics",
            "connectivity/regions",
            used=I32,
            **forest,
            size=I32,
            only=I32,
            region=I32,
            pieces=U8,
            piece_count=I32,
            pinned=U8,
        ),
    )


@functools.cache
def means(shape: Shape) -> SimpleNamespace:
    """Kernels that take its mean over each singular region out of a vector [N]; in this order.

    ``spread``: shift [N] of roots, and how far values are from it. Blocks: slots.
    ``sums``: sum [N] of roots, of the differences from the shift. Blocks: leaves.
    ``subtract``: vector -= mean of its region, kept in mean [N] of roots. Blocks: slots.

    A mean is kept as the root's value and the mean of the differences from it: so a constant is removed exactly. A NaN
    or Inf in any singular region leaves all as they are.
    """
    module = module_name("moving_means", shape)
    inputs = {"slots": wp.int32, "leaves": wp.int32, "vector": F64, "region": I32, "only": I32}
    sums = {"shift": F64, "sum": I64, "spread_slots": F64}

    def kernel(name: str, *texts: str, **arguments: object) -> wp.Kernel:
        text = body("common/largest", "regions/quantum", *texts, shape=shape)
        return block_kernel(module, name, text, **inputs, **arguments)

    return SimpleNamespace(
        spread=kernel("spread", "regions/spread", **sums),
        sums=kernel("sums", "connectivity/atomics", "regions/moving_sums", **sums),
        subtract=kernel("subtract", "regions/moving_subtract", **sums, size=I32, mean=F64),
    )
