"""From the caller's arrays to the operator, and back: staging, assembly, un-bricking.

Layouts: N = leaves * L cells in brick order (``hpsolver.bricks``); conductances [directions, N], flattened.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name

FLUID, AIR = wp.constant(wp.uint8(1)), wp.constant(wp.uint8(2))
UNUSABLE = 3
"""Kinds of cells, besides 0 for solid or padding. ``UNUSABLE`` is fluid whose signed distance is NaN, for instance."""

NEAREST = wp.constant(wp.float64(1e-3))
"""The least distance of a surface that ``nearness`` returns, as in ``native/assembly/assemble.h``."""


@wp.func
def nearness(phi: array(wp.float64), liquid: wp.int32, air: wp.int32) -> wp.float64:
    """Distance of the surface from a cell of liquid towards one of air, as a share of that between their centres."""
    return wp.max(phi[liquid] / (phi[liquid] - phi[air]), NEAREST)


@functools.cache
def staging(shape: Shape, S: type) -> SimpleNamespace:
    """Kernels that read or write a caller's [grid shape] array of type ``S``. Blocks: leaves.

    ``pack``: vector = field where ``mask``, else 0; fp64.
    ``unpack``: field = vector.
    ``classify``: kinds [N], 0 solid or padding, 1 fluid, 2 air, 3 fluid of unusable distance; fluid [N], 1 or 0; and
    phi [N], the signed distance. It reads masks of bytes at ``solid`` and ``air``, the signed distance at ``field``,
    and ``resting`` [N], the cells that are always solid. Air is where its mask is set or the distance is not negative.
    The address of an array not given is 0. Without a distance, phi puts the surface at the centres of air cells.
    ``field`` is an address, and ``sx``, ``sy``, ``sz`` its strides in bytes (2D: sx = 0). These are plain numbers: each
    frame may bring other arrays, and making Warp arrays of them takes longer than reading them.
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
    """Assembles A from density [N]: conductance [directions, N], ``leak`` [N], the conductance to p = 0 through open
    sides and surfaces, and diagonal [N], all fp64. Blocks: ``slots``.

    Rows of padding, solid, air and isolated cells are rows of the identity. ``bad_cells[slot]`` counts fluid cells
    whose density is not a positive finite number; they are assembled as if solid.

    Args:
        air: ``phi`` [N] is the signed distance to a surface; ``kinds`` [N] may also be 2, air, or 3, fluid of unusable
            distance.
        shares: ``shares`` [directions, N] multiply conductances; one outside [0, ``largest``] makes its cell bad.
    """
    F64, I32 = array(wp.float64), array(wp.int32)
    options = "_".join(["harmonic" if harmonic else "arithmetic", *["air"] * air, *["shares"] * shares])
    return block_kernel(
        module_name("assembly", shape, options),
        "assemble",
        body(
            "common/halo",
            "common/slot_rows",
            "common/across",
            "assembly/assemble",
            shape=shape,
            HARMONIC=harmonic,
            AIR=air,
            SHARES=shares,
        ),
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
    """high [N] = low of the cell across the upper face, if there is one: both ends of a periodic axis are one face.
    ``across`` [N]: the cell across the upper face, -1 for none. One thread per cell."""
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
"""shares [n] *= geometry, the factors of a stretched grid, or a dummy if its length ``stretched`` is 1. Shares count
as 1 unless ``given``, and become -1 if outside [0, ``largest``]. Blocks: ceil(n / ROUND_CHUNK)."""
