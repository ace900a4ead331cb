"""A learned sparse approximate inverse after arXiv 2510.27517, on a regular grid, written and trained by us.

    M = D^-1/2 (G G^T + epsilon I) D^-1/2

with D the diagonal of A and G a matrix with A's own sparsity, predicted every frame by a small graph network from A.
M is symmetric positive definite whatever the network predicts. Applying M takes two products with sparse matrices, so M
is local: iteration counts grow with the grid as Jacobi's do, only slower.

The network sees A through a_ij = c_ij / sqrt(d_i d_j), the couplings scaled to a unit diagonal, so it sees neither the
units nor the absolute level of the density. G starts, before any training, at I + |a| / 2, the first two terms of the
series of (D^-1/2 A D^-1/2)^-1/2. Training, data and measurements: ``hpsolver.network.spai_training`` and the model
cards. Solving needs no Torch: the network runs as native kernels inside the graph (``hpsolver.kernels.spai``).

Differences from the original: ours is one network of 4,066 parameters for all sizes, trained for 5 minutes on one core;
the original has one network with deep MLPs per size, trained for 500 epochs on a GPU. Ours takes 0.49 of Jacobi's
iterations, the original reports 0.42 to 0.48. Training did not pay: the untrained start takes 2 to 6 % fewer iterations
in 2D (panel 128x128 at 1e-8: 351 against 370; Jacobi 747) and 2 to 5 % fewer in 3D. The original's code and weights
were neither used nor run for comparison.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import warp as wp

from hpsolver.kernels import spai as kernels
from hpsolver.kernels.building import launch, table

from .base import Preconditioner
from .weight_files import read, shipped

ARCHITECTURE = "hpsolver.spai/1"
"""Names the network in the metadata of a weight file; changes whenever old weights would mean something else."""

FEATURES = 3
"""Features of an edge i <- j: c_ij / d_i, c_ij / d_j and |a_ij|, the root of their product."""

CHANNELS = 16
"""Channels of a cell, which the kernels hold in registers."""


def tensor_shapes(layers: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the network's tensors, in the order in which the kernels expect them.

    With h [C] the channels of a cell, e [3] an edge's features, act the hard swish, and every matrix [inputs, outputs]:

        h_i  = act(K^T sum_j e_ij + b)                                       ``encoder``: K, b
        h_i += W^T sum_j act(U^T h_i + V^T h_j + E^T e_ij + b) + c            each layer: U, V, E, b, W, c
        g_ii = 1 + w_0 . act(U^T h_i + b) + c_0                               ``head``: U, V, E, b, w, c
        g_ij = |a_ij| (1/2 + w_1 . act(U^T h_i + V^T h_j + E^T e_ij + b) + c_1)
    """
    C = CHANNELS
    shapes: dict[str, tuple[int, ...]] = {"encoder_matrix": (FEATURES, C), "encoder_bias": (C,)}
    for block in [*(f"layer{k}" for k in range(layers)), "head"]:
        outputs = 2 if block == "head" else C
        shapes |= {f"{block}_own": (C, C), f"{block}_across": (C, C), f"{block}_edge": (FEATURES, C)}
        shapes |= {f"{block}_bias": (C,)}
        shapes |= {f"{block}_out": (outputs, C), f"{block}_out_bias": (outputs,)}
    return shapes


@dataclass(frozen=True)
class Weights:
    """The network as a file holds it.

    Attributes:
        values: fp32, every tensor of ``tensor_shapes`` one after the other.
        layers: layers of message passing.
        epsilon: epsilon in M, above 0.
    """

    values: np.ndarray
    layers: int
    epsilon: float


def load_weights(path: str | Path, dimension: int) -> Weights:
    """Reads and checks a weight file (safetensors).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or not weights of this network for ``dimension``; the message says what was expected.
    """
    metadata, tensors = read(path)
    if metadata.get("architecture") != ARCHITECTURE:
        raise ValueError(f"{path}: expected architecture {ARCHITECTURE!r}, got {metadata.get('architecture')!r}")
    try:
        config = json.loads(metadata["config"])
        found, channels, layers = (int(config[key]) for key in ("dimension", "channels", "layers"))
        epsilon = float(config["epsilon"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"{path}: expected a 'config' in the metadata, as JSON with numbers 'dimension', 'channels', 'layers' and "
            f"'epsilon', got {metadata.get('config')!r}"
        ) from None
    if found != dimension:
        raise ValueError(f"{path}: expected weights for {dimension}D grids, got weights for {found}D")
    if channels != CHANNELS or layers < 1 or not 0.0 < epsilon < 1.0:
        raise ValueError(
            f"{path}: expected {CHANNELS} channels, layers >= 1 and epsilon in (0, 1), got {channels}, {layers} and "
            f"{epsilon}"
        )
    shapes = tensor_shapes(layers)
    if tensors.keys() != shapes.keys():
        missing, unknown = sorted(shapes.keys() - tensors.keys()), sorted(tensors.keys() - shapes.keys())
        raise ValueError(f"{path}: expected other tensors: missing {missing}, unknown {unknown}")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.shape != shape or tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise ValueError(
                f"{path}: expected {name} to be finite float32 of shape {shape}, got {tensor.dtype} of shape "
                f"{tensor.shape}" + ("" if np.isfinite(tensor).all() else " with NaN or Inf")
            )
    values = np.concatenate([tensors[name].ravel() for name in shapes])
    return Weights(values, layers, epsilon)


class NeuralSPAI(Preconditioner):
    """M = D^-1/2 (G G^T + epsilon I) D^-1/2, G predicted each frame on A's sparsity (see the module's text).

    Args:
        weights: a file written by ``hpsolver.network.spai_training``; None takes the one shipped for the grid's
            dimension. It is read, and may raise (``load_weights``), when the preconditioner is bound to a system.
    """

    name = "spai"
    launches = 2
    spreads = True

    def __init__(self, weights: str | Path | None = None):
        self._path = weights

    def allocate(self) -> None:
        system = self.system
        dimension, N, M = system.grid.dimension, system.size, system.preconditioner_type
        self._weights = load_weights(self._path or shipped(f"spai_{dimension}d.safetensors"), dimension)
        layers = self._weights.layers
        self._values = table(wp.array(self._weights.values, dtype=wp.float32, device=system.device))
        self._ratio = system.zeros(2 * system.bricks.directions * N, wp.float32)
        self._hidden = system.zeros(N * CHANNELS, wp.float32)
        self._across = [system.zeros(N * CHANNELS, wp.float32) for _ in range(2)]
        self.factor_diagonal, self.shift = (system.zeros(N, M) for _ in range(2))
        self.factor, self._transpose = (system.zeros(system.bricks.directions * N, M) for _ in range(2))
        self._y = system.zeros(N, system.krylov_type)
        self._network = kernels.network(system.shape, CHANNELS, layers, M)
        self._application = kernels.application(system.shape, system.krylov_type, M)

    def update(self) -> None:
        system, state = self.system, [self._ratio, self._hidden]
        source, target = self._across
        self._launch(self._network.encode, self._values, system.conductance, system.diagonal, *state, source)
        for layer in range(self._weights.layers):
            self._launch(self._network.layer, self._values, layer, *state, source, target)
            source, target = target, source
        rows = [self.factor_diagonal, self.factor, self.shift]
        self._launch(self._network.head, self._values, self._weights.epsilon, system.diagonal, *state, source, *rows)
        self._launch(self._network.transpose, system.conductance, self.factor, self._transpose)

    def apply(self, r: wp.array, z: wp.array, rz: wp.array) -> None:
        self._launch(self._application.gather, self.factor_diagonal, self._transpose, r, self._y)
        rows = [self.factor_diagonal, self.factor, self.shift]
        self._launch(self._application.spread, *rows, r, self._y, z, rz)

    def _launch(self, kernel: wp.Kernel, *arguments: object) -> None:
        system = self.system
        inputs = [system.slots, system.leaves, system.neighbor, system.used, *arguments]
        launch(kernel, system.slots, inputs, system.device)
