"""From staggered velocities to a right-hand side, and back: what makes a velocity free of divergence.

Every array of the grid has three axes, [x, y, z]; a 2D grid has one cell along the first. The velocity component along
an axis has one entry more than cells along that axis: entry k is at the low face of cell k.
"""

from typing import Any

import warp as wp

from .assembly import AIR, FLUID, nearness
from .building import array


@wp.func
def beyond(axis: wp.int32, i: wp.int32, j: wp.int32, k: wp.int32, steps: wp.int32) -> wp.vec3i:
    """(i, j, k) moved by ``steps`` along an axis."""
    return wp.vec3i(
        i + wp.where(axis == 0, steps, 0), j + wp.where(axis == 1, steps, 0), k + wp.where(axis == 2, steps, 0)
    )


@wp.func
def entry(axis: wp.int32, i: wp.int32, j: wp.int32, k: wp.int32) -> wp.int32:
    """The index along the axis. Indexing a vector by a number unknown to the compiler would go through memory."""
    return wp.where(axis == 0, i, wp.where(axis == 1, j, k))


@wp.kernel(enable_backward=False)
def close(fraction: wp.array3d[Any], walls: wp.array3d[Any], velocity: wp.array3d[Any], flux: wp.array3d[wp.float64]):
    """flux = fraction velocity + (1 - fraction) walls, the flow through a face of which ``fraction`` is open; ``walls``
    is the velocity of what closes the rest. One thread per face."""
    i, j, k = wp.tid()
    share = wp.float64(fraction[i, j, k])
    open_part = share * wp.float64(velocity[i, j, k])
    flux[i, j, k] = open_part + (wp.float64(1.0) - share) * wp.float64(walls[i, j, k])


@wp.kernel(enable_backward=False)
def add_divergence(
    axis: wp.int32,
    first: wp.int32,
    sign: wp.float64,
    sizes: array(wp.float64),
    velocity: wp.array3d[Any],
    total: wp.array3d[wp.float64],
):
    """total [x, y, z] += sign (velocity_high - velocity_low) / size, or = if ``first``; ``sizes``: cell sizes along the
    axis. One thread per cell."""
    i, j, k = wp.tid()
    scale = sign / sizes[entry(axis, i, j, k)]
    there = beyond(axis, i, j, k, 1)
    change = wp.float64(velocity[there[0], there[1], there[2]]) - wp.float64(velocity[i, j, k])
    before = wp.float64(0.0)
    if first == 0:
        before = total[i, j, k]
    total[i, j, k] = before + scale * change


@wp.struct
class Faces:
    """What a face's gradient needs: ``A`` and what it was assembled from (``hpsolver.kernels.assembly``), all in brick
    order. ``moving``: there may be air, and ``phi``; ``shared``: faces have ``shares``, which are open fractions if
    ``open``, else coefficients; ``geometry``: the factors of a stretched grid, included in the shares, or a dummy."""

    n: wp.int32
    moving: wp.int32
    shared: wp.int32
    open: wp.int32
    across: array(wp.int32)
    kinds: array(wp.uint8)
    density: array(wp.float64)
    phi: array(wp.float64)
    shares: array(wp.float64)
    geometry: array(wp.float64)
    conductance: array(wp.float64)


@wp.func
def even(faces: Faces, face: wp.int32, value: wp.float64) -> wp.float64:
    """A share or conductance, as if the grid were not stretched."""
    if faces.geometry.shape[0] > 1:
        return value / faces.geometry[face]
    return value


@wp.func
def share_of(faces: Faces, face: wp.int32) -> wp.float64:
    """The factor of a velocity's change: a face's coefficient, or for open fractions 1 if it is open at all, else 0."""
    if faces.shared == 0:
        return wp.float64(1.0)
    share = even(faces, face, faces.shares[face])
    if faces.open != 0 and share > wp.float64(0.0):
        return wp.float64(1.0)
    return share


@wp.func
def to_surface(faces: Faces, liquid: wp.int32, air: wp.int32, face: wp.int32, step: wp.float64) -> wp.float64:
    """The coefficient of the liquid's pressure in the gradient over the density between its cell and the surface."""
    return share_of(faces, face) / (faces.density[liquid] * step * nearness(faces.phi, liquid, air))


@wp.kernel(enable_backward=False)
def subtract_gradient(
    axis: wp.int32,
    square: wp.float64,
    apart: array(wp.float64),
    low_open: wp.int32,
    high_open: wp.int32,
    number: array(wp.int32),
    n: wp.int32,
    moving: wp.int32,
    shared: wp.int32,
    open_: wp.int32,
    across: array(wp.int32),
    kinds: array(wp.uint8),
    density: array(wp.float64),
    phi: array(wp.float64),
    shares: array(wp.float64),
    geometry: array(wp.float64),
    conductance: array(wp.float64),
    impulse: array(wp.float64),
    velocity: wp.array3d[Any],
):
    """velocity -= gradient of the impulse over the face's density, where A has a face or there is a surface; walls and
    faces of solids keep their velocity. One thread per cell writes its low face, and at the end of the axis also the
    high one.

    ``square``: the mean cell size along the axis, squared; ``apart``: the distance of centres across each of its faces,
    at walls and open sides the size of the cell. ``number`` [cells]: row-major to brick order; ``n`` to
    ``conductance``: see ``Faces``; ``impulse`` [n]: pressure times time step.
    """
    i, j, k = wp.tid()
    faces = Faces(n, moving, shared, open_, across, kinds, density, phi, shares, geometry, conductance)
    cells = beyond(axis, velocity.shape[0], velocity.shape[1], velocity.shape[2], -1)
    length, place = entry(axis, cells[0], cells[1], cells[2]), entry(axis, i, j, k)
    here = number[(i * cells[1] + j) * cells[2] + k]
    face = 2 * (2 - axis) * faces.n + here
    at_low, at_high = place == 0, place == length - 1
    there = faces.across[face]
    c, step = even(faces, face, faces.conductance[face]), apart[place]
    change = wp.float64(0.0)
    linked = c > wp.float64(0.0)
    if linked:
        if faces.shared != 0 and faces.open != 0:
            c = c / even(faces, face, faces.shares[face])
        change = square / step * c * (impulse[here] - impulse[there])
    if there >= 0 and faces.moving != 0:
        if faces.kinds[here] == FLUID and faces.kinds[there] == AIR:
            linked = True
            change = to_surface(faces, here, there, face, step) * impulse[here]
        if faces.kinds[here] == AIR and faces.kinds[there] == FLUID:
            linked = True
            change = -to_surface(faces, there, here, face, step) * impulse[there]
    outside = wp.float64(0.0)
    if faces.kinds[here] == FLUID:
        outside = wp.float64(2.0) / (faces.density[here] * step) * impulse[here]
    if at_low and low_open != 0:
        change = outside * share_of(faces, face)
    if change != wp.float64(0.0):
        velocity[i, j, k] = velocity.dtype(wp.float64(velocity[i, j, k]) - change)
    end = beyond(axis, i, j, k, 1)
    if at_high and high_open != 0:
        outside = outside * share_of(faces, face + faces.n) * (step / apart[length])
        velocity[end[0], end[1], end[2]] = velocity.dtype(wp.float64(velocity[end[0], end[1], end[2]]) + outside)
    if at_low and linked:  # a periodic axis: its last face is its first
        last = beyond(axis, i, j, k, length)
        velocity[last[0], last[1], last[2]] = velocity[i, j, k]
