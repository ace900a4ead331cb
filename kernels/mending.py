"""Replacing unusable densities, if the caller allows it (``on_bad_density="clamp"``)."""

import warp as wp

SMALLEST = wp.constant(wp.float64(1.0e-300))
LARGEST = wp.constant(wp.float64(1.0e300))


@wp.func
def usable(density: wp.float64) -> bool:
    return density > SMALLEST and density < LARGEST


@wp.kernel(enable_backward=False)
def mend(
    n: wp.int32,
    given: wp.array[wp.float64],
    fluid: wp.array[wp.uint8],
    across: wp.array[wp.int32],
    density: wp.array[wp.float64],
    count: wp.array[wp.int32],
):
    """density [n] = given. The smallest usable value across a face, if any, replaces an unusable one in the fluid.

    ``across`` [directions, n]: the cell across each face, -1 for none. ``count``: how many were replaced; a sum of
    integers, so its order does not matter. One thread per cell.
    """
    i = wp.tid()
    value = given[i]
    if fluid[i] != wp.uint8(0) and not usable(value):
        smallest = LARGEST
        for d in range(across.shape[0] / n):
            j = across[d * n + i]
            if j >= 0:
                if fluid[j] != wp.uint8(0) and usable(given[j]):
                    smallest = wp.min(smallest, given[j])
        if smallest < LARGEST:
            value = smallest
            wp.atomic_add(count, 0, 1)
    density[i] = value
