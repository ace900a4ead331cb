"""Gradients of a frame's loss by densities and by shares of faces, from the pressure and the adjoint pressure.

With A p = b and A adjoint = dL/dp, dL/dc = -(adjoint_i - adjoint_j) (p_i - p_j) for the conductance c of the face
between cells i and j, and -adjoint_i p_i for that of an open side. A face's conductance is 1 / h^2 over the mean of two
densities: harmonic 0.5 (1 / rho_i + 1 / rho_j) / h^2, arithmetic 2 / (rho_i + rho_j) / h^2; of an open side it is
2 / rho_i / h^2, and towards a surface at the share theta of the distance to the next centre 1 / (theta rho_i) / h^2.
Each of these is multiplied by the face's share, if it has one.
"""

import functools
from typing import Any

import warp as wp

from .assembly import AIR, FLUID, nearness
from .building import Shape, array, block_kernel, body, module_name

F64, I32 = array(wp.float64), array(wp.int32)
HALF, ZERO = wp.constant(wp.float64(0.5)), wp.constant(wp.float64(0.0))
ONE, TWO = wp.constant(wp.float64(1.0)), wp.constant(wp.float64(2.0))


@functools.cache
def by_density(shape: Shape, harmonic: bool, shares: bool) -> wp.Kernel:
    """gradient [N] = dL/d(density). ``leak`` [N]: what leaves a cell through open sides and surfaces; ``scale``
    [directions]: 1 / h^2; ``shares`` [directions, N], or a dummy. Blocks: slots.

    Args:
        harmonic: densities of faces are harmonic means, else arithmetic ones.
        shares: conductances were multiplied by ``shares``.
    """
    options = "_".join(["harmonic" if harmonic else "arithmetic", *["shares"] * shares])
    texts = ("common/halo", "common/slot_rows", "common/across", "gradients/by_density")
    return block_kernel(
        module_name("gradients", shape, options),
        "by_density",
        body(*texts, shape=shape, HARMONIC=harmonic, SHARES=shares),
        slots=wp.int32,
        leaves=wp.int32,
        neighbor=I32,
        used=I32,
        density=F64,
        conductance=F64,
        leak=F64,
        scale=F64,
        shares=F64,
        pressure=F64,
        adjoint=F64,
        gradient=F64,
    )


@wp.kernel(enable_backward=False)
def by_share(
    n: wp.int32,
    harmonic: wp.int32,
    density: wp.array[wp.float64],
    kinds: wp.array[wp.uint8],
    phi: wp.array[wp.float64],
    across: wp.array[wp.int32],
    side: wp.array[wp.int32],
    leaf_size: wp.int32,
    scale: wp.array[wp.float64],
    geometry: wp.array[wp.float64],
    pressure: wp.array[wp.float64],
    adjoint: wp.array[wp.float64],
    gradient: wp.array[wp.float64],
):
    """gradient [directions, n] = dL/d(share of the face), the same from both its cells. ``kinds``, ``phi``: see
    ``kernels.assembly``; ``side`` [leaves, directions]; ``geometry`` [directions, n]: the factors of a stretched grid,
    else a dummy. One thread per cell."""
    i = wp.tid()
    directions = across.shape[0] / n
    for d in range(directions):
        j = across[d * n + i]
        value = ZERO
        if j < 0:  # a wall, or an open side half a cell away
            if side[i / leaf_size * directions + d] == 2 and kinds[i] == FLUID:
                value = -TWO * scale[d] / density[i] * adjoint[i] * pressure[i]
        elif kinds[i] == FLUID and kinds[j] == FLUID:
            g = HALF * (ONE / density[i] + ONE / density[j])
            if harmonic == 0:
                g = TWO / (density[i] + density[j])
            value = -scale[d] * g * (adjoint[i] - adjoint[j]) * (pressure[i] - pressure[j])
        else:
            liquid, air = i, j
            if kinds[i] == AIR:
                liquid, air = j, i
            if kinds[liquid] == FLUID and kinds[air] == AIR:
                near = nearness(phi, liquid, air)
                value = -scale[d] / (density[liquid] * near) * adjoint[liquid] * pressure[liquid]
        if geometry.shape[0] > 1:
            value = value * geometry[d * n + i]
        gradient[d * n + i] = value


@wp.kernel(enable_backward=False)
def add(part: wp.array[Any], total: wp.array[Any]):
    """total += part. One thread per cell."""
    i = wp.tid()
    total[i] = total[i] + part[i]
