"""Weights of the published transformer, read without Torch and laid out for the kernels."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hpsolver.kernels.basis import EDGE, STRIP_COLUMNS
from hpsolver.kernels.transformer import FEATURES, Size

from . import weight_files
from .basis_weights import KINDS, check_width, edge_network, in_strips, without_coupling
from .weight_files import Tensors

if TYPE_CHECKING:
    from hpsolver.network.transformer import HierarchicalTransformer

ARCHITECTURE = "hpsolver.htp_paper/1"


class PaperWeights:
    """A network as its file holds it (``hpsolver.network.transformer``), and its layers one behind the other.

    Attributes:
        size: of the network.
        flat: fp32, the weights of all layers, each with norm, matrix in strips and bias.
        places: by name of a layer, where its weights begin in ``flat``.
    """

    def __init__(self, size: Size, tensors: Tensors):
        self.size, self._tensors = size, tensors
        self.places: dict[str, int] = {}
        self._parts: list[np.ndarray] = []
        self._lay_out()
        self.flat = np.concatenate([part.ravel() for part in self._parts]).astype(np.float32)

    @classmethod
    def load(cls, path: str | Path) -> PaperWeights:
        """Reads and checks a file that ``hpsolver train`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged, or weights of another network; the message says what was expected.
        """
        size, tensors = weight_files.load(path, ARCHITECTURE, Size)
        check(path, size, tensors)
        return cls(size, tensors)

    @classmethod
    def of_network(cls, network: HierarchicalTransformer) -> PaperWeights:
        """The weights of a network in memory."""
        tensors = {name: value.detach().cpu().float().numpy() for name, value in network.state_dict().items()}
        size = Size(**asdict(network.config))
        check("the network", size, tensors)
        return cls(size, tensors)

    def leaf_edges(self, offset: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """What in the leaves' edge networks does not depend on A, [layers, numbers] fp32, in the order of
        ``native/transformer/attend_leaf.h``.

        Args:
            offset: [L, L, 3] displacement from cell i to cell j of a leaf, in cells.
            steps: [directions, 3] displacement across each side, in cells.
        """
        layers = [edge_network(self._tensors, f"trunk.leaf_layers.{k}") for k in range(self.size.layers)]
        return np.array([without_coupling(layer, offset, steps) for layer in layers], dtype=np.float32)

    def tile_edges(self) -> np.ndarray:
        """[layers, numbers] fp32: the tiles' edge networks, in the order of ``native/transformer/attend_tile.h``."""
        layers = [edge_network(self._tensors, f"trunk.tile_layers.{k}") for k in range(self.size.layers)]
        return np.array([np.concatenate([part.ravel() for part in parts]) for parts in layers], dtype=np.float32)

    def _lay_out(self) -> None:
        size = self.size
        self._add("lift.0", "embedding.lift.0")
        self._add("lift.2", "embedding.lift.2")
        for k in range(size.graph_layers):
            self._add_convolution(k)
        self._add("project", "embedding.project", "embedding.norm")
        for stream in ("leaf", "tile"):
            for k in range(size.layers):
                layer = f"trunk.{stream}_layers.{k}"
                self._add(f"{stream} qkv {k}", f"{layer}.attention.qkv", f"{layer}.norm")
                self._add(f"{stream} project {k}", f"{layer}.attention.project")
                self._add(f"{stream} feed {k}", f"{layer}.feed.expand", f"{layer}.feed.norm")
                self._add("", f"{layer}.feed.contract")
        for name in ("leaf_factor", "tile_left", "tile_right"):
            self._add(f"{name}.0", f"{name}.0")
            self._add(f"{name}.2", f"{name}.2")
        heads = ("basis_left", "basis_right", "gate")
        self._add_matrix("heads", *(np.concatenate([self._tensors[f"{h}.{kind}"] for h in heads]) for kind in KINDS))

    def _add(self, place: str, layer: str, norm: str = "") -> None:
        matrix, bias = (self._tensors[f"{layer}.{kind}"] for kind in KINDS)
        self._add_matrix(place, matrix, bias, *(self._tensors[f"{norm}.{kind}"] for kind in KINDS if norm))

    def _add_matrix(self, place: str, matrix: np.ndarray, bias: np.ndarray, *norm: np.ndarray) -> None:
        if place:
            self.places[place] = sum(part.size for part in self._parts)
        more = -len(matrix) % STRIP_COLUMNS
        self._parts += [*norm, in_strips(np.pad(matrix, ((0, more), (0, 0)))), np.pad(bias, (0, more))]

    def _add_convolution(self, k: int) -> None:
        """h + W gelu(V [W_s h, A W_n h]) as h + W gelu(V_1 h + V_2 A h + v A 1): A acts on cells, W_n on channels."""
        layer, d = f"embedding.graph.{k}", self.size.width
        own, own_bias, near, near_bias, mix, mix_bias = (
            self._tensors[f"{layer}.{name}.{kind}"].astype(np.float64)
            for name in ("own", "neighbor", "mix.0")
            for kind in KINDS
        )
        first, second = mix[:, :d], mix[:, d:]
        matrix = np.concatenate([first @ own, second @ near, (second @ near_bias)[:, None]], axis=1)
        self._add_matrix(f"mix.0 {k}", matrix, first @ own_bias + mix_bias)
        self._add(f"mix.2 {k}", f"{layer}.mix.2")


def shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """Shapes of a network's tensors, by name."""
    d, found = size.width, dict[str, tuple[int, ...]]()

    def add(name: str, inputs: int, outputs: int) -> None:
        found.update({f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)})

    def add_norm(name: str) -> None:
        found.update({f"{name}.weight": (d,), f"{name}.bias": (d,)})

    add("embedding.lift.0", FEATURES, d)
    add("embedding.lift.2", d, d)
    for k in range(size.graph_layers):
        for name, inputs in (("neighbor", d), ("own", d), ("mix.0", 2 * d), ("mix.2", d)):
            add(f"embedding.graph.{k}.{name}", inputs, d)
    add_norm("embedding.norm")
    add("embedding.project", d, d)
    for k in range(size.layers):
        for layer in (f"trunk.leaf_layers.{k}", f"trunk.tile_layers.{k}"):
            add_norm(f"{layer}.norm")
            add(f"{layer}.attention.qkv", d, 3 * d)
            add(f"{layer}.attention.project", d, d)
            add(f"{layer}.attention.edge.0", 4, EDGE)
            add(f"{layer}.attention.edge.2", EDGE, size.heads)
            add_norm(f"{layer}.feed.norm")
            add(f"{layer}.feed.expand", (1 + size.contexts) * d, 4 * d)
            add(f"{layer}.feed.contract", 4 * d, d)
    for name, outputs in (("leaf_factor", size.leaf_size), ("tile_left", size.rank), ("tile_right", size.rank)):
        add(f"{name}.0", d, d)
        add(f"{name}.2", d, outputs)
    for name, outputs in (("basis_left", size.rank), ("basis_right", size.rank), ("gate", 1)):
        add(name, d, outputs)
    return found


def check(path: str | Path, size: Size, tensors: Tensors) -> None:
    """Refuses weights that are not those of a network of this size.

    Raises:
        ValueError: the message says what was expected.
    """
    check_width(path, size.width, size.heads)
    weight_files.check(path, shapes(size), tensors)
