"""From the caller's arrays to the operator, and back: staging, assembly, un-bricking.

Layouts: N = leaves * L cells in brick order (``hpsolver.bricks``); conductances [directions, N], flattened.
"""

import functools
from types import SimpleNamespace

import warp as wp

from .native import Shape, array, block_kernel, body, module_name


@functools.cache
def staging(dtype: type, dimension: int) -> SimpleNamespace:
    """Kernels that read or write a caller's [grid shape] array of ``dtype``, any strides.

    ``pack(field, cell, mask, vector)``: vector[i] = field[cell i] where mask[i], else 0; fp64.
    ``unpack(vector, cell, field)``: the inverse.
    Launched with one thread for each of the N cells.
    """
    module = module_name("staging", dtype, dimension)
    if dimension == 2:

        @wp.kernel(module=module, enable_backward=False)
        def pack(
            field: wp.array2d(dtype=dtype),
            cell: wp.array[wp.int32],
            mask: wp.array[wp.uint8],
            vector: wp.array[wp.float64],
        ):
            i = wp.tid()
            value = wp.float64(0.0)
            if mask[i] != wp.uint8(0):
                n = field.shape[1]
                value = wp.float64(field[cell[i] // n, cell[i] % n])
            vector[i] = value

        @wp.kernel(module=module, enable_backward=False)
        def unpack(vector: wp.array[wp.float64], cell: wp.array[wp.int32], field: wp.array2d(dtype=dtype)):
            i = wp.tid()
            if cell[i] >= 0:
                n = field.shape[1]
                field[cell[i] // n, cell[i] % n] = field.dtype(vector[i])

    else:

        @wp.kernel(module=module, enable_backward=False)
        def pack(
            field: wp.array3d(dtype=dtype),
            cell: wp.array[wp.int32],
            mask: wp.array[wp.uint8],
            vector: wp.array[wp.float64],
        ):
            i = wp.tid()
            value = wp.float64(0.0)
            if mask[i] != wp.uint8(0):
                n = field.shape[2]
                m = field.shape[1]
                value = wp.float64(field[cell[i] // (m * n), cell[i] // n % m, cell[i] % n])
            vector[i] = value

        @wp.kernel(module=module, enable_backward=False)
        def unpack(vector: wp.array[wp.float64], cell: wp.array[wp.int32], field: wp.array3d(dtype=dtype)):
            i = wp.tid()
            if cell[i] >= 0:
                n = field.shape[2]
                m = field.shape[1]
                field[cell[i] // (m * n), cell[i] // n % m, cell[i] % n] = field.dtype(vector[i])

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
        body("halo", "assemble", shape=shape, HARMONIC=harmonic),
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


@wp.kernel(enable_backward=False)
def to_float(source: wp.array[wp.float64], target: wp.array[wp.float32]):
    """target = source, rounded. One thread per entry."""
    i = wp.tid()
    target[i] = wp.float32(source[i])
