"""From staggered velocities to a right-hand side, and back: what makes a velocity free of divergence.

Everything is on a grid of three axes, [x, y, z]; of a 2D grid the first has one cell. A velocity component of an axis
has one entry more along it: entry k is the low face of cell k.
"""

from typing import Any

import warp as wp

from .building import array


@wp.func
def beyond(axis: wp.int32, i: wp.int32, j: wp.int32, k: wp.int32, steps: wp.int32) -> wp.vec3i:
    """(i, j, k), so many steps on along an axis."""
    return wp.vec3i(
        i + wp.where(axis == 0, steps, 0), j + wp.where(axis == 1, steps, 0), k + wp.where(axis == 2, steps, 0)
    )


@wp.func
def entry(axis: wp.int32, i: wp.int32, j: wp.int32, k: wp.int32) -> wp.int32:
    """That of the axis; a vector's index that is not known to the compiler would go through memory."""
    return wp.where(axis == 0, i, wp.where(axis == 1, j, k))


@wp.kernel(enable_backward=False)
def add_divergence(
    axis: wp.int32, first: wp.int32, scale: wp.float64, velocity: wp.array3d[Any], total: wp.array3d[wp.float64]
):
    """total [x, y, z] += scale (velocity_high - velocity_low), or = if ``first``. One thread per cell."""
    i, j, k = wp.tid()
    there = beyond(axis, i, j, k, 1)
    change = wp.float64(velocity[there[0], there[1], there[2]]) - wp.float64(velocity[i, j, k])
    before = wp.float64(0.0)
    if first == 0:
        before = total[i, j, k]
    total[i, j, k] = before + scale * change


@wp.kernel(enable_backward=False)
def subtract_gradient(
    axis: wp.int32,
    n: wp.int32,
    step: wp.float64,
    low_open: wp.int32,
    high_open: wp.int32,
    number: array(wp.int32),
    fluid: array(wp.uint8),
    across: array(wp.int32),
    density: array(wp.float64),
    conductance: array(wp.float64),
    impulse: array(wp.float64),
    velocity: wp.array3d[Any],
):
    """velocity -= gradient of the impulse over the face's density, where the matrix has a face; walls and faces of
    solids keep what they have. Each face is one thread's: its cell's low face, and at the end of the axis the high one.

    ``number`` [cells]: row-major to brick order; ``across``, ``conductance`` [directions, n], ``density``, ``fluid``,
    ``impulse`` [n] in that order; ``step``: the cell size along the axis.
    """
    i, j, k = wp.tid()
    cells = beyond(axis, velocity.shape[0], velocity.shape[1], velocity.shape[2], -1)
    length, place = entry(axis, cells[0], cells[1], cells[2]), entry(axis, i, j, k)
    here = number[(i * cells[1] + j) * cells[2] + k]
    face = 2 * (2 - axis) * n + here
    at_low, at_high = place == 0, place == length - 1
    c = conductance[face]
    change = wp.float64(0.0)
    if c > wp.float64(0.0):
        change = step * c * (impulse[here] - impulse[across[face]])
    outside = wp.float64(0.0)
    if fluid[here] != wp.uint8(0):
        outside = wp.float64(2.0) / (density[here] * step) * impulse[here]
    if at_low and low_open != 0:
        change = outside
    if change != wp.float64(0.0):
        velocity[i, j, k] = velocity.dtype(wp.float64(velocity[i, j, k]) - change)
    end = beyond(axis, i, j, k, 1)
    if at_high and high_open != 0:
        velocity[end[0], end[1], end[2]] = velocity.dtype(wp.float64(velocity[end[0], end[1], end[2]]) + outside)
    if at_low and c > wp.float64(0.0):  # a periodic axis: its last face is its first
        last = beyond(axis, i, j, k, length)
        velocity[last[0], last[1], last[2]] = velocity[i, j, k]
