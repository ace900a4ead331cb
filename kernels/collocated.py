"""From velocities at the centres of cells to velocities through faces, and back, in the layouts of ``projection``."""

from typing import Any

import warp as wp

from .building import array
from .projection import beyond, entry

HALF = wp.constant(wp.float64(0.5))
OPEN, PERIODIC = wp.constant(1), wp.constant(2)


@wp.func
def is_solid(
    resting: array(wp.uint8), of_fluid: wp.int32, mask: wp.array3d[wp.uint8], place: wp.vec3i, here: wp.int32
) -> bool:
    """Whether a cell is solid. ``resting`` [n], in brick order, is 1 in solids, or if ``of_fluid`` 0 there; ``mask``
    [x, y, z], of further solids, may be empty."""
    found = (resting[here] != wp.uint8(0)) != (of_fluid != 0)
    if mask.shape[0] > 0:
        found = found or mask[place[0], place[1], place[2]] != wp.uint8(0)
    return found


@wp.kernel(enable_backward=False)
def to_faces(
    axis: wp.int32,
    low: wp.int32,
    high: wp.int32,
    number: array(wp.int32),
    resting: array(wp.uint8),
    of_fluid: wp.int32,
    mask: wp.array3d[wp.uint8],
    cells: wp.array3d[Any],
    faces: wp.array3d[wp.float64],
):
    """faces = the mean of both cells, or the solid's velocity if one of them is solid; at walls 0, at open sides the
    cell's velocity.

    One thread per cell writes its low face, and at the end of the axis also its high one. ``low``, ``high``: kinds of
    the axis' sides, 0 for walls. ``number`` [cells]: row-major to brick order. See ``is_solid`` for the rest.
    """
    i, j, k = wp.tid()
    here = wp.vec3i(i, j, k)
    length, place = entry(axis, cells.shape[0], cells.shape[1], cells.shape[2]), entry(axis, i, j, k)
    mine = wp.float64(cells[i, j, k])
    there = beyond(axis, i, j, k, -1)
    if place == 0:
        there = beyond(axis, i, j, k, length - 1)
    value = wp.float64(0.0)
    if place > 0 or low == PERIODIC:
        value = between(number, resting, of_fluid, mask, cells, here, there)
    elif low == OPEN:
        value = mine
    faces[i, j, k] = value
    if place == length - 1:
        end, last = beyond(axis, i, j, k, 1), wp.float64(0.0)
        if high == PERIODIC:
            last = between(number, resting, of_fluid, mask, cells, beyond(axis, i, j, k, 1 - length), here)
        elif high == OPEN:
            last = mine
        faces[end[0], end[1], end[2]] = last


@wp.func
def between(
    number: array(wp.int32),
    resting: array(wp.uint8),
    of_fluid: wp.int32,
    mask: wp.array3d[wp.uint8],
    cells: wp.array3d[Any],
    a: wp.vec3i,
    b: wp.vec3i,
) -> wp.float64:
    """The velocity of the face between two cells."""
    row_a = number[(a[0] * cells.shape[1] + a[1]) * cells.shape[2] + a[2]]
    row_b = number[(b[0] * cells.shape[1] + b[1]) * cells.shape[2] + b[2]]
    solid_a = is_solid(resting, of_fluid, mask, a, row_a)
    solid_b = is_solid(resting, of_fluid, mask, b, row_b)
    u, v = wp.float64(cells[a[0], a[1], a[2]]), wp.float64(cells[b[0], b[1], b[2]])
    if solid_a == solid_b:
        return HALF * (u + v)
    return wp.where(solid_a, u, v)


@wp.kernel(enable_backward=False)
def add_change(
    axis: wp.int32,
    number: array(wp.int32),
    resting: array(wp.uint8),
    of_fluid: wp.int32,
    mask: wp.array3d[wp.uint8],
    before: wp.array3d[wp.float64],
    after: wp.array3d[wp.float64],
    cells: wp.array3d[Any],
):
    """cells += the mean change of their two faces along the axis, except in solids. One thread per cell."""
    i, j, k = wp.tid()
    here = wp.vec3i(i, j, k)
    if not is_solid(resting, of_fluid, mask, here, number[(i * cells.shape[1] + j) * cells.shape[2] + k]):
        end = beyond(axis, i, j, k, 1)
        change = after[i, j, k] - before[i, j, k]
        change += after[end[0], end[1], end[2]] - before[end[0], end[1], end[2]]
        cells[i, j, k] = cells.dtype(wp.float64(cells[i, j, k]) + HALF * change)
