"""Connected regions of the fluid, found on the device in every frame, and means over those of no fixed pressure level.

Two cells are connected if the face between them conducts. A *piece* is a connected part of one leaf's fluid; pieces
joined by faces of leaves make a *region*, named by its cell of the smallest number, its *root*. A region that nothing
leaves through an open side or a surface is *singular*: its pressure has no fixed level. A *pocket* is a singular region
of a single piece that no face of its leaf joins to anything, not even to itself. All arrays are in brick order, int32
or uint8; results do not depend on the order in which blocks run.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

WHOLE = 1
"""Entry of ``only`` from the kernel ``pieces`` to the kernel ``regions``: the leaf is one piece."""

F64, I32, I64, U8 = array(wp.float64), array(wp.int32), array(wp.int64), array(wp.uint8)


@functools.cache
def connectivity(shape: Shape) -> SimpleNamespace:
    """Kernels to be launched in this order, each with ``leaves`` blocks.

    ``pieces``: label [N], the first cell of each cell's piece; initialises parent, size, linked and leaks, all [N].
    ``links``: unites pieces across faces of leaves.
    ``roots``: parent [N] of a piece's first cell is its root; leaks [N] of a root: whether anything leaves its region.
    ``regions``: region [N], the root of a cell in a singular region, else -1; size [N], a region's cells, at its root;
    pieces [N], the number of a cell's piece in its leaf, the largest first, 0 in pockets and outside the fluid;
    piece_count and only [leaves]; pinned [N] (``native/connectivity/regions.h``).
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
    """Kernels that subtract from a vector [N] its mean over each singular region, in this order.

    ``spread``: shift [N], a root's own value, and per slot the largest difference of a value from it. Blocks: slots.
    ``sums``: sum [N], at a root, of its region's differences from the shift. Blocks: leaves.
    ``subtract``: vector -= mean of its region; mean [N] keeps it at the root. Blocks: slots.

    A mean is the root's value plus the mean of the differences from it, so that a constant is removed exactly. A NaN
    or Inf in any singular region leaves the whole vector as it is.
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
