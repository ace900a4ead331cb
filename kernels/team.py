"""What a team of threads on a CPU launches besides a frame's own kernels (``hpsolver.team``)."""

import warp as wp

from .building import array, block_kernel, body

APART = 32
"""Numbers between two that are in different cache lines."""

PATIENT = 200
"""How often a thread looks whether it may go on, some 5 us, before it lets others run in between."""

meet = block_kernel(
    "hpsolver.team",
    "meet",
    body("team/meet", APART=APART, PATIENT=PATIENT),
    threads=wp.int32,
    gate=array(wp.int32),
)
"""The barrier of ``threads`` threads, each of which launches one block; ``gate`` [2 * APART] begins with zeros."""
