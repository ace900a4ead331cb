"""The far field: a few functions per leaf, their Galerkin matrix, and its solution.

Phi, ``basis`` [leaves, R, L]: R orthonormal functions a leaf, the constant first. The Galerkin matrix E = Phi^T A Phi
comes in ``blocks`` [leaves, directions + 1, R, R]. It has n = leaves * R rows and, leaves being numbered along the
shorter axes, a narrow band: ``band`` [n, width] holds row q's columns q - width + 1 to q. The CPU factors that as
L D L^T and substitutes. The GPU multiplies by a dense inverse, made by exchanges of tiles: a chain of n short steps,
while a band factor takes n long ones. Where n is too large for either, ``kernels.nested`` takes the blocks.
All of this is in double precision: E has the condition number of A, and digits lost here are lost to the whole solve.
Phi alone may be stored rounded, since the Galerkin matrix is made of the rounded Phi.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .building import Shape, array, block_kernel, body, module_name
from .leaves import fits, operator_arguments

DENSE_LIMIT = 4096
"""Rows of the largest dense coarse inverse, which holds the square of this many numbers."""

TILE = 32
"""Rows of a tile of the dense coarse matrix: a block exchanges one in shared memory."""

ROWS = 32
"""Rows of the dense coarse matrix one block multiplies."""

CHUNK = 1024
"""Columns that it takes at a time: their part of the right-hand side is in shared memory."""

F64, I32 = array(wp.float64), array(wp.int32)


@functools.cache
def functions(shape: Shape, halfwidth: int, W: int, M: type, R: int, loose: int) -> wp.Kernel:
    """From R - 1 start functions to ``basis``, for changed leaves: the inverse step, and all made orthonormal.

    ``start`` is fp32, [R - 1, L] for all leaves or, if ``own``, [leaves, R - 1, L]; up to ``loose`` of a leaf's last
    ones give way to functions on its loose cells (``native/leaves/loose.h``). ``factor`` is scratch, used on CUDA by
    the banded form (W > 1) and by large leaves. ``pieces``, ``piece_count``: which cells a leaf's constants are on, and
    how many there are. Blocks: groups.
    """
    constants = {"BW": halfwidth, "W": W, "M": M, "R": R, "FUNCTIONS": R - 1, "CLOSED": True, "LOOSE": loose}
    if W == 1 and R > 1:
        texts = ["leaves/rows", "leaves/start", "leaves/loose", "leaves/eliminate", "leaves/inverse_steps"]
        texts += ["coarse/orthonormal", "coarse/functions"]
        constants["FITS"] = fits(shape.leaf_size, halfwidth)
    else:
        texts = ["leaves/group_changed", "leaves/rows", "leaves/start", "leaves/loose", "leaves/band"]
        texts += ["leaves/substitute", "leaves/group_step", "coarse/orthonormal", "coarse/functions_banded"]
    return block_kernel(
        module_name("functions", shape, W, M, R, loose),
        "functions",
        body(*texts, shape=shape, **constants),
        **operator_arguments(),
        own=wp.int32,
        start=array(wp.float32),
        factor=F64,
        pieces=array(wp.uint8),
        piece_count=I32,
        basis=array(M),
    )


@functools.cache
def galerkin(shape: Shape, M: type, R: int, local: bool, mass: bool, faces: bool) -> wp.Kernel:
    """basis -> blocks and ``scale`` [n]. If ``faces``, also ``face_basis`` [leaves, directions, FACE, R], the
    neighbours' functions on each leaf's faces; if ``mass``, what closing a face takes off a leaf's own block, [leaves,
    directions, R, R] (``kernels.nested``); if ``local``, the own blocks' inverses, [leaves, R, R]. Blocks: leaves."""
    constants = {"LOCAL": local, "MASS": mass, "FACES": faces}
    return block_kernel(
        module_name("galerkin", shape, M, R, *map(int, (local, mass, faces))),
        "galerkin",
        body("common/halo", "common/faces", "coarse/galerkin", shape=shape, M=M, R=R, **constants),
        leaves=wp.int32,
        changed=I32,
        neighbor=I32,
        side=I32,
        used=I32,
        conductance=F64,
        diagonal=F64,
        pinned=array(wp.uint8),
        basis=array(M),
        blocks=F64,
        mass=F64,
        scale=F64,
        local_inverse=F64,
        face_basis=array(M),
    )


choose_pins = block_kernel(
    "hpsolver.pins",
    "choose_pins",
    body("coarse/choose_pins"),
    first=I32,
    unknowns=I32,
    alone=I32,
    scale=F64,
    pins=I32,
    pinned=array(wp.uint8),
)
"""pins [regions]: for each singular region g, one of unknowns[first[g]:first[g + 1]]. Where ``alone`` [regions] is set,
pinned [n] becomes 1 at that unknown and 0 at the others of the region. Blocks: regions."""


@functools.cache
def band_rows(dimension: int, R: int) -> wp.Kernel:
    """band from the blocks of nodes (leaves, or bricks as in ``kernels.nested``) with R unknowns. Blocks: nodes."""
    return block_kernel(
        module_name("band_rows", f"{dimension}d", R),
        "band_rows",
        body("coarse/band", "coarse/band_rows", R=R, DIRECTIONS=2 * dimension),
        n=wp.int32,
        width=wp.int32,
        changed=I32,
        neighbor=I32,
        side=I32,
        blocks=F64,
        band=F64,
    )


def band_scratch(width: int) -> int:
    """Length of ``column``, the scratch of ``factor_band``: one column on a GPU, four with a margin on a CPU."""
    return 4 * (width + 20)


factor_band = block_kernel(
    "hpsolver.banded",
    "factor_band",
    body("coarse/band", "coarse/band_factor"),
    n=wp.int32,
    width=wp.int32,
    leaves=wp.int32,
    changed=I32,
    regions=wp.int32,
    pins=I32,
    slack=wp.float64,
    scale=F64,
    band=F64,
    factor=F64,
    column=F64,
)
"""factor = L D L^T of band with pins or slack on its diagonal (``native/coarse/band_factor.h``); ``column`` is scratch
(``band_scratch``). Skipped if no leaf changed. Blocks: 1."""


def pitch(rows: int) -> int:
    """Rows of a dense matrix in memory: whole tiles."""
    return -(-rows // TILE) * TILE


@functools.cache
def dense_rows(dimension: int, R: int) -> wp.Kernel:
    """matrix [pitch, pitch] from the blocks of nodes with R unknowns, with pins or slack on its diagonal; ``stale`` [1]
    = 1. If no node changed, only ``stale`` = 0 is written. Blocks: nodes."""
    return block_kernel(
        module_name("dense_rows", f"{dimension}d", R),
        "dense_rows",
        body("coarse/dense_rows", R=R, DIRECTIONS=2 * dimension),
        leaves=wp.int32,
        pitch=wp.int32,
        changed=I32,
        neighbor=I32,
        side=I32,
        blocks=F64,
        regions=wp.int32,
        pins=I32,
        slack=wp.float64,
        scale=F64,
        stale=I32,
        matrix=F64,
    )


exchange = block_kernel(
    "hpsolver.dense",
    "exchange",
    body("coarse/exchange", TILE=TILE),
    n=wp.int32,
    panel=wp.int32,
    panels=wp.int32,
    stale=I32,
    scale=F64,
    before=F64,
    after=F64,
)
"""One of ``panels`` steps that turn a symmetric positive definite matrix [pitch, pitch] into its inverse; it reads
``before`` and writes ``after``. Blocks: panels * (panels + 1) / 2."""


@functools.cache
def exact_solution(dimension: int, R: int, pushed: bool, local: bool) -> SimpleNamespace:
    """Kernels of E^-1, of nodes with R unknowns.

    ``substitute``: result = E^-1 c by the banded factor, less the nodes' own part if ``local``. Blocks: 1.
    ``multiply``: the same by the dense inverse. Blocks: ceil(n / ROWS).
    With ``pushed``, c is summed from what the sweeps pushed, [nodes, directions + 1, R] (``native/leaves/sweep.h``).
    """
    form = "pushed" if pushed else "restricted"
    module = module_name("exact", f"{dimension}d", R, form, int(local))
    constants = {"DIRECTIONS": 2 * dimension, "R": R, "PUSHED": pushed, "LOCAL": local}
    graph = {"neighbor": I32, "side": I32, "coarse": F64}
    substitute = block_kernel(
        module,
        "substitute",
        body("coarse/gather", "coarse/band", "coarse/substitute", **constants),
        n=wp.int32,
        width=wp.int32,
        **graph,
        band=F64,
        local_inverse=F64,
        result=F64,
    )
    multiply = block_kernel(
        module,
        "multiply",
        body("coarse/gather", "coarse/multiply", CHUNK=CHUNK, ROWS=ROWS, **constants),
        n=wp.int32,
        pitch=wp.int32,
        **graph,
        matrix=F64,
        local_inverse=F64,
        result=F64,
    )
    return SimpleNamespace(substitute=substitute, multiply=multiply)


@functools.cache
def transfer(shape: Shape, T: type, M: type, R: int) -> SimpleNamespace:
    """Kernels between the grid and the coarse space.

    ``restrict``: c = Phi^T r. Blocks: leaves.
    ``prolong``: z = y + Phi result and r.z. Blocks: slots.
    ``prolong_add``: x += Phi result. Blocks: leaves.
    """
    module = module_name("transfer", shape, T, M, R)
    constants = {"shape": shape, "T": T, "M": M, "R": R}
    real = array(M)
    restrict = block_kernel(
        module, "restrict", body("common/sums", "coarse/restrict", **constants), basis=real, r=array(T), coarse=F64
    )
    prolong = block_kernel(
        module,
        "prolong",
        body("coarse/prolong", **constants),
        slots=wp.int32,
        leaves=wp.int32,
        basis=real,
        y_=array(T),
        y_coarse=F64,
        r=array(T),
        z_=array(T),
        rz_slots=F64,
    )
    prolong_add = block_kernel(
        module, "prolong_add", body("coarse/prolong_add", **constants), basis=real, y_coarse=F64, x_=F64
    )
    return SimpleNamespace(restrict=restrict, prolong=prolong, prolong_add=prolong_add)
