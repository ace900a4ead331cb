"""The forward pass of the published transformer as kernels inside the frame: from A to the factors of ``htp_paper``."""

from __future__ import annotations

import numpy as np
import warp as wp

from hpsolver.kernels import iterate
from hpsolver.kernels import transformer as kernels
from hpsolver.kernels.building import launch, launch_threads
from hpsolver.network.partition import Partition
from hpsolver.system import System

from .basis_weights import REACH
from .boxes import box_graph
from .paper_weights import PaperWeights
from .prediction import inside_bits


class PaperNetwork:
    """The network with its weights on the device.

    Notation (arXiv 2605.13343): K leaves of L cells, M tiles of ``rank`` tokens, d the width. Leaf tokens x are
    [K * L, d], tile tokens y [M * rank, d].

    Args:
        system: the assembled system; its fluid must not move.
        partition: the tiles.
        weights: the network's.
        storage: type of M's factors.
        blocks, basis, cores: where they are written (``hpsolver.kernels.tiles``).
        strips: order, row, column, size and column_size of the partition, on the device.
        incidence: where each leaf's list of tiles by row, and by column, begins; the tiles.
    """

    def __init__(
        self,
        system: System,
        partition: Partition,
        weights: PaperWeights,
        storage: type,
        blocks: wp.array,
        basis: wp.array,
        cores: wp.array,
        strips: list[wp.array],
        incidence: list[wp.array],
    ):
        self._system, self._size, self._places = system, weights.size, weights.places
        self._blocks, self._basis, self._cores, self._strips, self._incidence = blocks, basis, cores, strips, incidence
        size, bricks, shape, on_device = weights.size, system.bricks, system.shape, system.on_device
        K, L, M, d, T = system.leaves, bricks.leaf_size, partition.tiles, size.width, size.rank
        self._tiles, self._cells = M, max(int(system.fluid.numpy().sum()), 1)
        self._operator, self._exchange = kernels.operator(shape), kernels.exchange(shape, size)
        self._attention, self._factors = kernels.attention(shape, size), kernels.factors(shape, storage, size.rank)
        self._layers = kernels.layers(size)
        self._weights = on_device(weights.flat)

        within, steps, offset = box_graph(bricks.extent, 1, bricks.directions)
        leaf_edges, tile_edges = weights.leaf_edges(offset, steps), weights.tile_edges()
        self._edges = on_device(leaf_edges.ravel()), on_device(tile_edges.ravel())
        self._edge_sizes = leaf_edges.shape[1], tile_edges.shape[1]
        self._inside, self._within = on_device(inside_bits(system)), on_device(within.ravel())
        pooled_offset = offset.reshape(T, size.pool, T, size.pool, 3).mean(axis=(1, 3)) / REACH
        self._local = on_device(pooled_offset.astype(np.float32).ravel())
        self._between = on_device(_between(system, partition).astype(np.float32).ravel())
        source, target, weight = partition.couplings(system.across(), L, size.pool)
        self._couplings = [on_device(a.ravel()) for a in (source.astype(np.int32), target.astype(np.int32), weight)]
        self._entries, self._coupling_shape = system.zeros(max(M * T * T, 1), wp.float32), source.shape

        self._extremes, self._moments = system.zeros(2 * K, wp.float64), system.zeros(10 * K, wp.float64)
        self._extents = system.zeros(2 * K, wp.float64)
        self._features = system.zeros(K * L * kernels.FEATURES, wp.float32)
        self._scaled = system.zeros((bricks.directions + 1) * K * L, wp.float32)
        rows = max(K * L, M * T)
        self._x, self._y = system.zeros(K * L * d, wp.float32), system.zeros(max(M, 1) * T * d, wp.float32)
        self._qkv, self._mixed = system.zeros(rows * 3 * d, wp.float32), system.zeros(rows * d, wp.float32)
        self._more = system.zeros(K * L * (d + 1), wp.float32)
        self._pooled, *self._told = (system.zeros(K * T * d, wp.float32) for _ in range(3))
        self._contexts = [system.zeros(max(M, 1) * T * d, wp.float32) for _ in range(2)]
        self._sums = system.zeros(-(-rows // kernels.QUERIES) * d, wp.float32)
        self._mean, self._none = system.zeros(d, wp.float32), system.zeros(1, wp.float32)
        self._raw = system.zeros(K * L * L, wp.float32)
        self._heads = system.zeros(K * L * (2 * T + 1), wp.float32)
        self._left, self._right = (system.zeros(max(M, 1) * T * T, wp.float32) for _ in range(2))

    def update(self) -> None:
        """Records: M's factors of the assembled operator."""
        self._embed()
        if self._tiles:
            count, most = self._coupling_shape
            inputs = [self._system.slots, count, most, *self._couplings, self._scaled, self._entries]
            self._launch(self._exchange.couplings, self._system.slots, *inputs)
            launch_threads(iterate.clear, self._y.size, [self._y], self._system.device)
            self._read_tiles()
        for layer in range(self._size.layers):
            self._leaf_layer(layer)
            if self._tiles:
                self._read_tiles()
                self._tile_layer(layer)
        self._write_factors()

    def _embed(self) -> None:
        system, size = self._system, self._size
        K = system.leaves
        given = [K, system.fluid, system.conductance, system.diagonal, system.density, self._extremes]
        self._launch(self._operator.extremes, K, *given)
        self._launch(self._operator.moments, K, *given, self._moments)
        inputs = [wp.float64(self._cells), self._moments, self._features, self._scaled]
        self._launch(self._operator.features, K, *given, *inputs)
        layers = self._layers
        self._linear(layers.lift, "lift.0", self._features, self._mixed)
        h = self._qkv  # it is free until the first attention
        self._linear(layers.plain, "lift.2", self._mixed, h)
        for k in range(size.graph_layers):
            inputs = [K, system.cell_across, self._scaled, h, self._more]
            self._launch(self._exchange.message, K, *inputs)
            self._linear(layers.mix, f"mix.0 {k}", h, self._mixed, self._more)
            self._linear(layers.add, f"mix.2 {k}", self._mixed, h)
        self._linear(layers.norm, "project", h, self._x)

    def _leaf_layer(self, layer: int) -> None:
        system, size, layers, x = self._system, self._size, self._layers, self._x
        self._linear(layers.qkv, f"leaf qkv {layer}", x, self._qkv)
        at = layer * self._edge_sizes[0]
        inputs = [system.leaves, system.fluid, self._inside, self._within, self._scaled, at, self._edges[0]]
        self._launch(self._attention.leaf, system.leaves, *inputs, self._qkv, self._mixed)
        self._linear(layers.add, f"leaf project {layer}", self._mixed, x)
        if size.highways:
            self._spread_tiles()
            self._take_mean(x)
        self._feed(layers.leaf_feed, f"leaf feed {layer}", x, self._told)

    def _tile_layer(self, layer: int) -> None:
        size, layers, y = self._size, self._layers, self._y
        self._linear(layers.qkv, f"tile qkv {layer}", y, self._qkv)
        inputs = [self._between, self._local, self._entries, layer * self._edge_sizes[1], self._edges[1]]
        self._launch(self._attention.tile, self._tiles, *inputs, self._qkv, self._mixed)
        self._linear(layers.add, f"tile project {layer}", self._mixed, y)
        if size.highways:
            self._spread_tiles()
            self._read(self._exchange.contexts)
            self._take_mean(y)
        self._feed(layers.tile_feed, f"tile feed {layer}", y, self._contexts)

    def _write_factors(self) -> None:
        system, layers, x, y = self._system, self._layers, self._x, self._y
        K = system.leaves
        self._linear(layers.head, "leaf_factor.0", x, self._mixed)
        self._linear(layers.leaf, "leaf_factor.2", self._mixed, self._raw)
        self._linear(layers.bases, "heads", x, self._heads)
        given = [K, system.fluid, self._scaled, self._raw, self._heads, self._extents]
        self._launch(self._factors.extents, K, *given)
        self._launch(self._factors.store, K, *given, self._blocks, self._basis)
        if not self._tiles:
            return
        for name, side in (("tile_left", self._left), ("tile_right", self._right)):
            self._linear(layers.head, f"{name}.0", y, self._mixed)
            self._linear(layers.tile, f"{name}.2", self._mixed, side)
        inputs = [K, self._extents, self._left, self._right, self._cores]
        self._launch(self._factors.cores, self._tiles, *inputs)

    def _read_tiles(self) -> None:
        """Adds to the tiles' tokens what their strips' leaves say now."""
        self._launch(self._exchange.pool, self._system.leaves, self._x, self._pooled)
        self._read(self._exchange.read)

    def _read(self, kernel: wp.Kernel) -> None:
        inputs = [*self._strips, self._pooled, *self._told, *self._contexts, self._y]
        self._launch(kernel, self._tiles, *inputs)

    def _spread_tiles(self) -> None:
        self._launch(self._exchange.spread, self._system.leaves, *self._incidence, self._y, *self._told)

    def _take_mean(self, tokens: wp.array) -> None:
        rows = self._rows(tokens)
        blocks = -(-rows // kernels.QUERIES)
        self._launch(self._exchange.sums, blocks, rows, tokens, self._sums)
        self._launch(self._exchange.means, 1, blocks, rows, self._sums, self._mean)

    def _feed(self, kernel: wp.Kernel, place: str, tokens: wp.array, contexts: list[wp.array]) -> None:
        rows = self._rows(tokens)
        inputs = [rows, self._places[place], self._weights, *contexts, self._mean, tokens]
        self._launch(kernel, -(-rows // self._size.feed_rows), *inputs)

    def _linear(self, kernel: wp.Kernel, place: str, x: wp.array, to: wp.array, more: wp.array | None = None) -> None:
        rows = self._rows(self._y if place.startswith("tile") else self._x)
        inputs = [rows, self._places[place], self._weights, x, self._none if more is None else more, to]
        self._launch(kernel, -(-rows // kernels.QUERIES), *inputs)

    def _rows(self, tokens: wp.array) -> int:
        return self._tiles * self._size.rank if tokens is self._y else self._system.size

    def _launch(self, kernel: wp.Kernel, blocks: int, *inputs: object) -> None:
        launch(kernel, blocks, inputs, self._system.device)


def _between(system: System, partition: Partition) -> np.ndarray:
    """[M, 3] displacement from the mean of a tile's row leaves to that of its column leaves, in units of ``REACH``."""
    origin = system.bricks.coordinates * np.array(system.bricks.extent)
    means = [
        np.array([origin[leaves].mean(axis=0) for leaves in partition.members(start)]).reshape(-1, 3)
        for start in (partition.row, partition.column)
    ]
    between: np.ndarray = (means[1] - means[0]) / REACH
    return between
