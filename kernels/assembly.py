"""From the caller's arrays to the operator, and back: staging, assembly, un-bricking.

Layouts: N = leaves * L cells in brick order (``hpsolver.bricks``); conductances [directions, N], flattened.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

FLUID, AIR = wp.constant(wp.uint8(1)), wp.constant(wp.uint8(2))
UNUSABLE = 3
"""In ``kinds``, beside 0, solid or padding; the last one is fluid whose signed distance is no number."""

NEAREST = wp.constant(wp.float64(1e-3))
"""Of a surface, as in ``native/assembly/assemble.h``."""


@wp.func
def nearness(phi: array(wp.float64), liquid: wp.int32, air: wp.int32) -> wp.float64:
    """Where the surface lies between a cell of liquid and one of air: a share of the distance of their centres."""
    return wp.max(phi[liquid] / (phi[liquid] - phi[air]), NEAREST)


@functools.cache
def staging(shape: Shape, S: type) -> SimpleNamespace:
    """Kernels that read or write a caller's [grid shape] array of type ``S``. Blocks: leaves.

    ``pack``: vector = field where ``mask``, else 0; fp64.
    ``unpack``: field = vector.
    ``classify``: kinds [N], 0 solid or padding, 1 fluid, 2 air, 3 fluid of unusable distance, and fluid [N], 1 or 0;
    from masks of bytes at ``solid`` and ``air``, with their strides, from the cells that are solid in any case,
    ``resting`` [N], and from the signed distance at ``field``, phi [N]: where it is not negative there is air.
    Addresses are 0 for what is not given. Without a distance, phi says that the surface is at the centres of air cells.
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
    masks = {f"{name}{axis}": wp.int64 for name in ("solid_", "air_") for axis in "xyz"}
    classify = block_kernel(
        module,
        "classify",
        body("assembly/classify", shape=shape, S=S),
        **field,
        solid=wp.uint64,
        air=wp.uint64,
        **masks,
        origin=array(wp.int32),
        used=array(wp.int32),
        resting=array(wp.uint8),
        kinds=array(wp.uint8),
        fluid=array(wp.uint8),
        phi=array(wp.float64),
    )
    return SimpleNamespace(pack=pack, unpack=unpack, classify=classify)


@functools.cache
def assembly(shape: Shape, harmonic: bool, air: bool = False, shares: bool = False) -> wp.Kernel:
    """Assembles A: conductance [directions, N], ``leak`` [N], what leaves through open sides and surfaces, and diagonal
    [N], fp64, from density [N]. Blocks: ``slots``.

    Rows of padding, solid, air and isolated cells are rows of the identity. ``bad_cells[slot]`` counts fluid cells
    whose density is not a positive finite number; they are assembled as if solid.

    Args:
        air: ``phi`` [N] is the signed distance to a surface, and ``kinds`` [N] may be 2, air, or 3, fluid of which that
            is unusable, beside 0 and 1.
        shares: faces conduct ``shares`` [directions, N] times that, in [0, ``largest``]; others make a cell bad.
    """
    F64, I32 = array(wp.float64), array(wp.int32)
    options = "_".join(["harmonic" if harmonic else "arithmetic", *["air"] * air, *["shares"] * shares])
    return block_kernel(
        module_name("assembly", shape, options),
        "assemble",
        body("common/halo", "assembly/assemble", shape=shape, HARMONIC=harmonic, AIR=air, SHARES=shares),
        slots=wp.int32,
        leaves=wp.int32,
        density=F64,
        kinds=array(wp.uint8),
        phi=F64,
        shares=F64,
        largest=wp.float64,
        neighbor=I32,
        side=I32,
        used=I32,
        scale_x=wp.float64,
        scale_y=wp.float64,
        scale_z=wp.float64,
        conductance=F64,
        leak=F64,
        diagonal=F64,
        bad_cells=F64,
    )


@wp.kernel(enable_backward=False)
def wrap_shares(across: array(wp.int32), low: array(wp.float64), high: array(wp.float64)):
    """high [N] = low of the cell across the upper face, where there is one: both ends of a periodic axis are one face.
    ``across`` [N]: that cell, -1 for none. One thread per cell."""
    i = wp.tid()
    if across[i] >= 0:
        high[i] = low[across[i]]


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

stretch = block_kernel(
    "hpsolver.stretch",
    "stretch",
    body("assembly/stretch", CHUNK=ROUND_CHUNK),
    n=wp.int32,
    stretched=wp.int32,
    given=wp.int32,
    largest=wp.float64,
    geometry=array(wp.float64),
    shares=array(wp.float64),
)
"""shares [n] *= geometry, an array of ``stretched`` numbers, if that is more than one. They count as 1 unless
``given``, and become -1 outside [0, ``largest``]. Blocks: ceil(n / ROUND_CHUNK)."""
