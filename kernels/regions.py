"""Means over fluid regions: taking them out makes a singular problem solvable.

Cells of every singular region (no open side) are listed region by region in ``cells`` and cut into chunks of at most
``CHUNK``; chunk c is cells[start[c]:start[c + 1]], region g owns chunks first[g] to first[g + 1]. Sums run in a fixed
order. ``region`` [N] is the singular region of each cell, -1 for none.

A mean is kept as ``shift`` + ``rest``, the region's first value and the mean of the differences from it: so a constant
is removed exactly and a large one costs no digits. No pressure could balance what a rounded mean leaves behind.
"""

import warp as wp

from .building import array, block_kernel, body

CHUNK = 1024

chunk_sums = block_kernel(
    "hpsolver.regions",
    "chunk_sums",
    body("regions/chunk_sums"),
    vector=array(wp.float64),
    region=array(wp.int32),
    cells=array(wp.int32),
    start=array(wp.int32),
    first=array(wp.int32),
    chunk_sum=array(wp.float64),
)
"""chunk_sum[c] = sum of vector - shift over chunk c. Blocks: chunks."""


@wp.kernel(enable_backward=False, module="hpsolver.regions")
def region_means(
    vector: wp.array[wp.float64],
    cells: wp.array[wp.int32],
    start: wp.array[wp.int32],
    first: wp.array[wp.int32],
    size: wp.array[wp.float64],
    chunk_sum: wp.array[wp.float64],
    shift: wp.array[wp.float64],
    rest: wp.array[wp.float64],
    mean: wp.array[wp.float64],
):
    """mean[g] = shift[g] + rest[g] of each region. One thread per region."""
    g = wp.tid()
    total = wp.float64(0.0)
    for c in range(first[g], first[g + 1]):
        total += chunk_sum[c]
    shift[g] = vector[cells[start[first[g]]]]
    rest[g] = total / size[g]
    mean[g] = shift[g] + rest[g]


subtract_means = block_kernel(
    "hpsolver.regions",
    "subtract_means",
    body("regions/subtract_means"),
    slots=wp.int32,
    n=wp.int32,
    region=array(wp.int32),
    shift=array(wp.float64),
    rest=array(wp.float64),
    vector=array(wp.float64),
)
"""vector [n] -= mean of its region; a region that holds a NaN or Inf stays as it is. Blocks: slots."""
