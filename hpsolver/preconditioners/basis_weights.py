"""Weights of the learned coarse space, read without Torch and laid out for the kernels."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hpsolver.kernels.basis import CANDIDATES, EDGE, STRIP_COLUMNS, TOKENS, Size

from . import weight_files
from .boxes import patch_graph
from .weight_files import Tensors

if TYPE_CHECKING:
    from hpsolver.network.basis import BasisNetwork

ARCHITECTURE = "hpsolver.htp/2"
KINDS = ("weight", "bias")
"""Tensors of a layer."""
REACH = 16.0
"""The network takes displacements in units of this many cells."""


@dataclass(frozen=True)
class BasisWeights:
    """A network as its file holds it (``hpsolver.network.basis``).

    Attributes:
        dimension, width, layers, heads, functions, leaf_size: as in ``BasisConfig``.
        tensors: fp32 by name; matrices are [outputs, inputs], as in Torch.
    """

    dimension: int
    width: int
    layers: int
    heads: int
    functions: int
    leaf_size: int
    tensors: Tensors

    @classmethod
    def shipped(cls, dimension: int) -> BasisWeights:
        """The weights that come with the package."""
        return cls.load(weight_files.shipped(f"htp_{dimension}d.safetensors"))

    @classmethod
    def load(cls, path: str | Path) -> BasisWeights:
        """Reads and checks a file that ``hpsolver train`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is damaged, or weights of another network; the message says what was expected.
        """

        def make(**config: int) -> BasisWeights:
            return cls(**{key: int(value) for key, value in config.items()}, tensors={})

        empty, tensors = weight_files.load(path, ARCHITECTURE, make)
        weights = replace(empty, tensors=tensors)
        weights._check(path)
        return weights

    @classmethod
    def of_network(cls, network: BasisNetwork) -> BasisWeights:
        """The weights of a network in memory, rounded to half precision as in a file."""
        tensors = {name: value.detach().cpu().half().float().numpy() for name, value in network.state_dict().items()}
        weights = cls(**asdict(network.config), tensors=tensors)
        weights._check("the network")
        return weights

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the tensors, by name."""
        d, h = self.width, self.heads
        features = self.leaf_size // TOKENS * (1 + 6 * self.dimension)

        def linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
            return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}

        shapes = linear("embed.0", features, 2 * d) | linear("embed.2", 2 * d, d) | {"position": (TOKENS, d)}
        for k in range(self.layers):
            layer = f"trunk.leaf_layers.{k}"
            for norm in ("norm", "feed.norm"):
                shapes |= {f"{layer}.{norm}.weight": (d,), f"{layer}.{norm}.bias": (d,)}
            shapes |= linear(f"{layer}.attention.qkv", d, 3 * d) | linear(f"{layer}.attention.project", d, d)
            shapes |= linear(f"{layer}.attention.edge.0", 4, EDGE) | linear(f"{layer}.attention.edge.2", EDGE, h)
            shapes |= linear(f"{layer}.feed.expand", d, 4 * d) | linear(f"{layer}.feed.contract", 4 * d, d)
        return shapes | linear("head", TOKENS * d, self.functions * CANDIDATES)

    def _check(self, path: str | Path) -> None:
        if self.layers < 1:
            raise ValueError(f"{path}: its trunk must have at least one layer, got {self.layers}")
        check_width(path, self.width, self.heads)
        weight_files.check(path, self.shapes(), self.tensors)

    def size(self, functions: int) -> Size:
        """What the kernels need to know, for the first ``functions`` start functions."""
        return Size(self.width, self.heads, self.layers, functions)

    def trunk(self) -> np.ndarray:
        """Weights of the trunk, fp32, flat, in the order of ``native/basis/tokens.h``."""
        tensors, parts = self.tensors, list[np.ndarray]()

        def add_linear(name: str) -> None:
            parts.extend((in_strips(tensors[f"{name}.weight"]), tensors[f"{name}.bias"]))

        def add_norm(name: str) -> None:
            parts.extend((tensors[f"{name}.weight"], tensors[f"{name}.bias"]))

        add_linear("embed.0")
        add_linear("embed.2")
        parts.append(tensors["position"])
        for k in range(self.layers):
            layer = f"trunk.leaf_layers.{k}"
            add_norm(f"{layer}.norm")
            add_linear(f"{layer}.attention.qkv")
            add_linear(f"{layer}.attention.project")
            add_norm(f"{layer}.feed.norm")
            add_linear(f"{layer}.feed.expand")
            add_linear(f"{layer}.feed.contract")
        return np.concatenate([part.ravel() for part in parts])

    def head(self, functions: int) -> np.ndarray:
        """Weights of the head, fp32, flat: matrix in strips and bias, for the first ``functions`` start functions."""
        rows, padded = functions * CANDIDATES, self.size(functions).outputs
        matrix = np.zeros((padded, TOKENS * self.width), dtype=np.float32)
        bias = np.zeros(padded, dtype=np.float32)
        matrix[:rows], bias[:rows] = self.tensors["head.weight"][:rows], self.tensors["head.bias"][:rows]
        return np.concatenate([in_strips(matrix).ravel(), bias])

    def edges(self, extent: tuple[int, int, int]) -> np.ndarray:
        """What in the edge networks does not depend on A, fp32, flat, in the order of ``native/basis/tokens.h``."""
        _, steps, offset = patch_graph(extent, 2 * self.dimension)
        layers = [edge_network(self.tensors, f"trunk.leaf_layers.{k}") for k in range(self.layers)]
        return np.concatenate([without_coupling(layer, offset, steps) for layer in layers]).astype(np.float32)


def edge_network(tensors: Tensors, layer: str) -> list[np.ndarray]:
    """The network of edges of a layer's attention: first matrix and bias, last matrix and bias."""
    return [tensors[f"{layer}.attention.edge.{n}.{kind}"] for n in (0, 2) for kind in KINDS]


def without_coupling(network: list[np.ndarray], offset: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """What in a network of edges does not depend on A, flat: for all pairs of tokens, and for the one across each side.

    Args:
        network: as ``edge_network`` gives it.
        offset, steps: displacements in cells (``boxes.box_graph``).
    """
    first, shift, last, end = (part.astype(np.float64) for part in network)
    geometry = np.concatenate([offset / REACH, np.eye(len(offset))[..., None]], axis=-1)
    everywhere = gelu(geometry @ first.T + shift) @ last.T + end
    bare = steps / REACH @ first[:, :3].T + shift
    parts = [np.moveaxis(everywhere, -1, 0), np.stack([bare, gelu(bare)], axis=1), first[:, 3], last]
    return np.concatenate([part.ravel() for part in parts])


def check_width(path: str | Path, width: int, heads: int) -> None:
    """Refuses a width that the kernels cannot divide.

    Raises:
        ValueError: the message says what is allowed.
    """
    if width % STRIP_COLUMNS or heads < 1 or width % (8 * heads):
        raise ValueError(
            f"{path}: its width must be a multiple of {STRIP_COLUMNS} and of 8 for each head, got {width} and {heads} "
            "heads"
        )


def in_strips(matrix: np.ndarray) -> np.ndarray:
    """A matrix [N, K] as [N / STRIP_COLUMNS, K, STRIP_COLUMNS]."""
    N, K = matrix.shape
    return np.ascontiguousarray(matrix.reshape(N // STRIP_COLUMNS, STRIP_COLUMNS, K).transpose(0, 2, 1))


def gelu(x: np.ndarray) -> np.ndarray:
    """x Phi(x), with Phi the normal distribution function."""
    value: np.ndarray = 0.5 * x * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))
    return value
