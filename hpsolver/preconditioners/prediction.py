"""Start functions of every leaf from its rows of A, by the network of ``hpsolver.network.basis``, run as kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp

from hpsolver.kernels import basis as kernels
from hpsolver.kernels.building import launch, table
from hpsolver.system import System

from .basis_weights import BasisWeights, in_strips
from .boxes import box_graph, patch_boxes, patch_graph
from .haar import haar

STORAGE = {True: wp.float16, False: wp.float32}
"""Type of the weights, by whether the device is a GPU. Files hold half precision, so a GPU loses nothing by it; a CPU
would spend its time on conversions."""


@dataclass(frozen=True)
class Refresh:
    """When leaves that changed are predicted anew (``kernels/native/basis/plan.h``).

    A round predicts all leaves that changed since they were last predicted.

    Attributes:
        longest: the most frames from one round to the next.
        automatic: a round begins earlier if the iterations have risen by a quarter since the last one.
        portion: if automatic, the most leaves of a round that one frame predicts.
    """

    longest: int
    automatic: bool
    portion: int


class Prediction:
    """The network with its weights on the device, and which leaves it predicts in a frame.

    Args:
        system: the assembled system.
        changed: [leaves] int32, 1 where the rows of A are not the last frame's; leaves that are predicted get a 1 too.
        weights: the network's weights, for the system's dimension and leaf size.
        start: fp32 [leaves * functions * L], where the start functions are written.
        functions: start functions of a leaf, at most as many as the network has.
        refresh: when leaves are predicted.
        largest: the largest coefficient that is accepted; a leaf with a larger one takes the classical functions.

    Attributes:
        count: [1] int32, leaves predicted in the last frame.
        coefficients: [leaves, outputs] fp32, for the leaves that were last due, before the identity is added.
    """

    def __init__(
        self,
        system: System,
        changed: wp.array,
        weights: BasisWeights,
        start: wp.array,
        functions: int,
        refresh: Refresh,
        largest: float,
    ):
        bricks, device, leaves = system.bricks, system.device, system.leaves
        M = STORAGE[device.is_cuda]
        self._system, self._changed, self._start, self._refresh, self._largest = (
            system,
            changed,
            start,
            refresh,
            largest,
        )
        self._size = weights.size(functions)
        self._kernels = kernels.network(system.shape, self._size, M)
        as_type = {"device": device, "dtype": M}
        self._trunk = table(wp.array(weights.trunk(), **as_type))
        self._head = table(wp.array(weights.head(functions), **as_type))
        self._edges = table(wp.array(weights.edges(bricks.extent), dtype=wp.float32, device=device))
        candidates = np.append(in_strips(haar(bricks.extent, kernels.CANDIDATES).T), np.zeros(bricks.leaf_size))
        self._candidates = table(wp.array(candidates, dtype=wp.float32, device=device))
        self._inside = system.on_device(inside_bits(system))
        self._patch = system.on_device(patch_boxes(bricks.extent)[0].astype(np.int32))
        self._across = system.on_device(patch_graph(bricks.extent, bricks.directions)[0])
        self._tokens = system.zeros(leaves * kernels.TOKENS * weights.width, wp.float32)
        self.coefficients = system.zeros(leaves * self._size.outputs, wp.float32)
        self._memory = wp.array([-1, -1, 0], dtype=wp.int32, device=device)
        self._flags, self._due = (system.zeros(leaves, wp.int32) for _ in range(2))
        self.count = system.zeros(1, wp.int32)
        self.counter: wp.array | None = None

    def update(self) -> None:
        """Records: start functions of the leaves that are due; after ``Leaves.find_changes``."""
        if self.counter is None:
            raise RuntimeError("a prediction needs the counter of the frames it is part of (Preconditioner.watch)")
        system, refresh, network = self._system, self._refresh, self._kernels
        leaves, device = system.leaves, system.device
        when = [refresh.longest, int(refresh.automatic), refresh.portion, self.counter, self._memory]
        launch(kernels.plan, 1, [leaves, *when, self._flags, self._changed, self._due, self.count], device)
        due, (fluid, _, _) = [self.count, self._due], system.assembled_from
        rows = [fluid, system.conductance, system.diagonal, self._inside, self._patch, self._across]
        inputs = [leaves, *due, *rows, self._trunk, self._edges, self._tokens]
        launch(network.tokens, leaves, inputs, device)
        blocks = self._size.head_blocks(leaves)
        launch(network.head, blocks, [self.count, self._head, self._tokens, self.coefficients], device)
        inputs = [*due, wp.float32(self._largest), self._candidates, self.coefficients, self._start]
        launch(network.functions, leaves, inputs, device)


def inside_bits(system: System) -> np.ndarray:
    """[leaves * L] uint8, bit d set where the cell across side d is in the same leaf."""
    bricks = system.bricks
    within = box_graph(bricks.extent, 1, bricks.directions)[0]
    first = np.arange(bricks.leaves)[:, None] * bricks.leaf_size
    bits = np.zeros((bricks.leaves, bricks.leaf_size), dtype=np.uint8)
    for d, across in enumerate(system.across()):
        stays = (within[d] >= 0) & (across.reshape(bricks.leaves, -1) == first + within[d])
        bits |= stays.astype(np.uint8) << d
    return bits.ravel()
