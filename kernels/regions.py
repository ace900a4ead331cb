"""Means over fluid regions: what makes a singular problem solvable.

Cells of every singular region (no open side) are listed region by region in ``cells`` and cut into chunks of at most
``CHUNK``; chunk c is cells[start[c]:start[c + 1]], region g owns chunks first[g] to first[g + 1]. Sums run in a fixed
order. ``region`` [N] is the singular region of each cell, -1 for none.
"""

import warp as wp

from .native import array, block_kernel, body

CHUNK = 1024

_SUM = """
double sum = 0.0;
for (int k = start.data[slot] + lane; k < start.data[slot + 1]; k += lanes) sum += vector.data[cells.data[k]];
const double total = block_sum(sum);
if (lane == 0) chunk_sum.data[slot] = total;
"""

chunk_sums = block_kernel(
    "hpsolver.regions",
    "chunk_sums",
    body() + _SUM,
    vector=array(wp.float64),
    cells=array(wp.int32),
    start=array(wp.int32),
    chunk_sum=array(wp.float64),
)
"""chunk_sum[c] = sum of vector over chunk c. Blocks: chunks."""


@wp.kernel(enable_backward=False, module="hpsolver.regions")
def region_means(
    chunk_sum: wp.array[wp.float64],
    first: wp.array[wp.int32],
    size: wp.array[wp.float64],
    mean: wp.array[wp.float64],
):
    """mean[g] of each region. One thread per region."""
    g = wp.tid()
    total = wp.float64(0.0)
    for c in range(first[g], first[g + 1]):
        total += chunk_sum[c]
    mean[g] = total / size[g]


@wp.kernel(enable_backward=False, module="hpsolver.regions")
def subtract_means(region: wp.array[wp.int32], mean: wp.array[wp.float64], vector: wp.array[wp.float64]):
    """vector -= mean of its region. One thread per cell."""
    i = wp.tid()
    if region[i] >= 0:
        vector[i] = vector[i] - mean[region[i]]
