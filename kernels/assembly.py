"""From the caller's arrays to the operator, and back: staging, assembly, un-bricking.

Layouts: N = leaves * L cells in brick order (``hpsolver.bricks``); conductances [directions, N], flattened.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name


@functools.cache
def staging(shape: Shape, S: type) -> SimpleNamespace:
    """Kernels that read or write a caller's [grid shape] array of type ``S``. Blocks: leaves.

    ``pack``: vector = field where ``mask``, else 0; fp64.
    ``unpack``: field = vector.
    ``field`` is its address, ``sx``, ``sy``, ``sz`` its strides in bytes (2D: sx = 0): plain numbers, since a frame may
    bring another array each time, and to make Warp arrays of them takes longer than to read them.
    ``origin`` [leaves, 3] is each leaf's first cell, ``used`` [leaves, 3] its extent.
    """
    module = module_name("staging", shape, S)
    field = {"field": wp.uint64, "sx": wp.int64, "sy": wp.int64, "sz": wp.int64}
    pack = block_kernel(
        module,
        "pack",
        body("assembly/pack", shape=shape, S=S),
        **field,
        origin=array(wp.int32),
        used=array(wp.int32),
        mask=array(wp.uint8),
        vector=array(wp.float64),
    )
    unpack = block_kernel(
        module,
        "unpack",
        body("assembly/unpack", shape=shape, S=S),
        **field,
        origin=array(wp.int32),
        used=array(wp.int32),
        vector=array(wp.float64),
    )
    return SimpleNamespace(pack=pack, unpack=unpack)


@functools.cache
def assembly(shape: Shape, harmonic: bool) -> SimpleNamespace:
    """Kernels that assemble A. Blocks: ``slots``.

    ``assemble``: conductance [directions, N] and diagonal [N] of A, fp64, from density [N]; rows of padding, solid and
    isolated cells are rows of the identity. ``bad_cells[slot]`` counts fluid cells whose density is not a positive
    finite number; they are assembled as if solid.
    """
    module = module_name("assembly", shape, "harmonic" if harmonic else "arithmetic")

    F64, I32 = array(wp.float64), array(wp.int32)
    assemble = block_kernel(
        module,
        "assemble",
        body("common/halo", "assembly/assemble", shape=shape, HARMONIC=harmonic),
        slots=wp.int32,
        leaves=wp.int32,
        density=F64,
        fluid=array(wp.uint8),
        neighbor=I32,
        side=I32,
        used=I32,
        scale_x=wp.float64,
        scale_y=wp.float64,
        scale_z=wp.float64,
        conductance=F64,
        diagonal=F64,
        bad_cells=F64,
    )
    return SimpleNamespace(assemble=assemble)


ROUND_CHUNK = 4096

to_float = block_kernel(
    "hpsolver.round",
    "to_float",
    body("assembly/to_float", CHUNK=ROUND_CHUNK),
    n=wp.int32,
    source=array(wp.float64),
    target=array(wp.float32),
)
"""target [n] = source, rounded. Blocks: ceil(n / ROUND_CHUNK)."""
