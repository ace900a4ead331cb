"""Trains the network of ``hpsolver.preconditioners.spai`` on one CPU core, in minutes.

    python -m hpsolver.network.spai_training --dimension 2 --weights trained_models/spai_2d.safetensors

Objective: the scale-invariant aligned-identity loss of arXiv 2510.27517, ||A M / ||A|| - I||_F^2, estimated by random
probes w. Here A is scaled to a unit diagonal instead of to a unit mean entry, and M with it:

    loss = ||B (G G^T + epsilon I) w - w||^2 / ||w||^2,    B = D^-1/2 A D^-1/2,    w ~ N(0, I).

Every step draws fresh frames of the gallery (``hpsolver.problems``), so nothing can be learned by heart.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import functools
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import warp as wp
from safetensors.torch import save_file
from torch.nn import functional

from hpsolver import problems
from hpsolver.grid import make_grid
from hpsolver.preconditioners.spai import ARCHITECTURE, CHANNELS, tensor_shapes
from hpsolver.system import System

SHAPES = {
    2: ((32, 32), (48, 32), (32, 64), (64, 48), (64, 64)),
    3: ((12, 12, 12), (16, 12, 12), (16, 16, 16)),
}
FAMILIES = ("panel", "panel", "panel", "bubbles", "film", "noise", "dam", "tank")
"""Panel (arXiv 2605.13343's barriers) three times as often as each other one."""

BOUNDARIES = ("wall", "wall", "wall", "wall", "open", "periodic")
"""Sides of the first axis. The other sides are walls, and so are all sides of most frames."""

FIRST_SEED = 1_000_000
"""Seed of the first frame; later frames count upwards. The measured tables use 10,000 to 10,003."""


@dataclass(frozen=True)
class Config:
    """What a training run depends on; kept in the weight file.

    Attributes:
        dimension: 2 or 3.
        channels, layers, epsilon: of the network and of M; epsilon is the original's.
        steps, batch, probes: optimiser steps, frames a step, random vectors a frame.
        rate, decay, clip: AdamW's peak rate (one cycle) and weight decay, the gradient's largest norm.
        shapes, families, boundaries: what a frame is drawn from, each entry equally likely.
        contrast: range of the contrast of all families but panel, log-uniform.
        seed: of weights and probes.
    """

    dimension: int = 2
    channels: int = CHANNELS
    layers: int = 4
    epsilon: float = 3e-3
    steps: int = 6000
    batch: int = 4
    probes: int = 8
    rate: float = 1e-3
    decay: float = 3e-3
    clip: float = 1.0
    shapes: tuple[tuple[int, ...], ...] = SHAPES[2]
    families: tuple[str, ...] = FAMILIES
    boundaries: tuple[str, ...] = BOUNDARIES
    contrast: tuple[float, float] = (10.0, 1000.0)
    seed: int = 0


@dataclass(frozen=True)
class Graph:
    """The operators of one or several frames.

    Attributes:
        conductance: [directions, N] fp64, c_ij, 0 where there is no face.
        diagonal: [N] fp64, d_i.
        across: [directions, N] int64, the cell j across each face.
    """

    conductance: torch.Tensor
    diagonal: torch.Tensor
    across: torch.Tensor

    @functools.cached_property
    def edges(self) -> torch.Tensor:
        """[directions, N, 3] features c_ij / d_i, c_ij / d_j and |a_ij|, single precision."""
        own = (self.conductance / self.diagonal).float()
        other = (self.conductance / self.diagonal[self.across]).float()
        return torch.stack([own, other, torch.sqrt(own * other)], dim=-1)

    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        """B x for x [N, K]: A scaled to a unit diagonal."""
        coupling = self.edges[..., 2, None]
        return x - sum(c * x[j] for c, j in zip(coupling, self.across, strict=True))


class Network(torch.nn.Module):
    """The network in Torch: what the kernels are checked against, and what is trained.

    Its tensors are those of ``tensor_shapes``; the last matrix of every message starts small and the head's at zero, so
    that G starts at I + |a| / 2.
    """

    def __init__(self, layers: int):
        super().__init__()
        self.layers = layers
        for name, shape in tensor_shapes(layers).items():
            value = torch.zeros(shape)
            if len(shape) == 2 and name != "head_out":
                value = torch.randn(shape) / shape[0] ** 0.5 * (0.3 if name.endswith("_out") else 1.0)
            self.register_parameter(name, torch.nn.Parameter(value))

    def forward(self, graph: Graph) -> tuple[torch.Tensor, torch.Tensor]:
        """G's diagonal [N] and off-diagonals [directions, N]."""
        edges, across = graph.edges, graph.across
        linked = edges[..., 2:] > 0
        h = functional.hardswish(edges.sum(0) @ self.encoder_matrix + self.encoder_bias)
        for k in range(self.layers):
            _, messages = self._messages(f"layer{k}", h, edges, across)
            h = h + (messages * linked).sum(0) @ self._of(f"layer{k}", "out") + self._of(f"layer{k}", "out_bias")
        own, messages = self._messages("head", h, edges, across)
        diagonal = 1 + functional.hardswish(own) @ self.head_out[0] + self.head_out_bias[0]
        others = edges[..., 2] * (0.5 + messages @ self.head_out[1] + self.head_out_bias[1])
        alone = ~linked.any(0).squeeze(-1)
        return torch.where(alone, 1.0, diagonal), others

    def _of(self, block: str, tensor: str) -> torch.Tensor:
        return getattr(self, f"{block}_{tensor}")

    def _messages(self, block, h, edges, across) -> tuple[torch.Tensor, torch.Tensor]:
        """U^T h_i + b [N, C], and the messages over each face [directions, N, C]."""
        own = h @ self._of(block, "own") + self._of(block, "bias")
        sent = (h @ self._of(block, "across"))[across]
        return own, functional.hardswish(own + sent + edges @ self._of(block, "edge"))


def precondition(graph: Graph, g: tuple[torch.Tensor, torch.Tensor], epsilon: float, x: torch.Tensor) -> torch.Tensor:
    """(G G^T + epsilon I) x for x [N, K]."""
    diagonal, others = g
    linked = graph.conductance > 0
    y, z = diagonal[:, None] * x, epsilon * x
    for d, j in enumerate(graph.across):
        y = y + (others[d ^ 1][j] * linked[d])[:, None] * x[j]
    z = z + diagonal[:, None] * y
    for d, j in enumerate(graph.across):
        z = z + others[d][:, None] * y[j]
    return z


def identity_loss(graph: Graph, g: tuple[torch.Tensor, torch.Tensor], epsilon: float, w: torch.Tensor) -> torch.Tensor:
    """The aligned-identity loss for probes w [N, K]."""
    error = graph.scaled(precondition(graph, g, epsilon, w)) - w
    return error.square().sum() / w.square().sum()


@functools.cache
def _system(shape: tuple[int, ...], boundary: str) -> System:
    sides = (boundary, *("wall",) * (len(shape) - 1))
    return System(make_grid(shape, boundary=sides), 128, "float64", wp.get_device("cpu"))


def graph_of(system: System) -> Graph:
    """The assembled operator of a system, in its brick order."""
    conductance = torch.tensor(system.conductance.numpy()).reshape(-1, system.size)
    return Graph(conductance, torch.tensor(system.diagonal.numpy()), torch.tensor(system.across()))


def draw_frame(config: Config, seed: int) -> Graph:
    """One random frame of the gallery, assembled as the solver assembles it."""
    rng = np.random.default_rng(seed)
    family, boundary = str(rng.choice(config.families)), str(rng.choice(config.boundaries))
    shape = config.shapes[rng.integers(len(config.shapes))]
    contrast = None if family == "panel" else float(np.exp(rng.uniform(*np.log(config.contrast))))
    system = _system(shape, boundary)
    system.density.assign(system.bricks.to_bricks(problems.density(family, shape, seed=rng, contrast=contrast)))
    system.assemble()
    return graph_of(system)


def join(graphs: list[Graph]) -> Graph:
    """Several frames as one graph without edges between them."""
    first = np.cumsum([0, *(graph.diagonal.numel() for graph in graphs)])
    return Graph(
        torch.cat([graph.conductance for graph in graphs], dim=1),
        torch.cat([graph.diagonal for graph in graphs]),
        torch.cat([graph.across + int(start) for graph, start in zip(graphs, first, strict=False)], dim=1),
    )


def train(config: Config, log: Path) -> tuple[Network, float]:
    """Trains a network; prints progress, writes step, loss and seconds to ``log``. Returns network and seconds."""
    torch.manual_seed(config.seed)
    network = Network(config.layers)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=config.steps)
    begin, report = time.monotonic(), max(1, config.steps // 60)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["step", "loss", "seconds"])
        recent = 0.0
        for step in range(1, config.steps + 1):
            seeds = FIRST_SEED + (step - 1) * config.batch + np.arange(config.batch)
            graph = join([draw_frame(config, int(seed)) for seed in seeds])
            w = torch.randn(graph.diagonal.numel(), config.probes)
            loss = identity_loss(graph, network(graph), config.epsilon, w)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
            optimizer.step()
            schedule.step()
            recent += loss.item() / report
            if step % report == 0:
                spent = time.monotonic() - begin
                left = spent / step * (config.steps - step)
                rows.writerow([step, f"{recent:.5f}", f"{spent:.1f}"])
                file.flush()
                print(f"step {step}/{config.steps}  loss {recent:.5f}  {spent:.0f} s, {left:.0f} s left", flush=True)
                recent = 0.0
    return network, time.monotonic() - begin


def save(network: Network, config: Config, path: Path) -> None:
    """Writes the weight file that ``load_weights`` reads."""
    tensors = {name: value.detach().contiguous() for name, value in network.named_parameters()}
    metadata = {"architecture": ARCHITECTURE, "config": json.dumps(dataclasses.asdict(config))}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata=metadata)


def main() -> None:
    defaults = Config()
    parser = argparse.ArgumentParser(
        prog="python -m hpsolver.network.spai_training", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--dimension", type=int, choices=(2, 3), default=defaults.dimension)
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--weights", type=Path, default=None, help="default: out/spai_{dimension}d.safetensors")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shapes = SHAPES[options.dimension]
    config = Config(dimension=options.dimension, shapes=shapes, steps=options.steps, seed=options.seed)
    path = options.weights or Path(f"out/spai_{config.dimension}d.safetensors")
    network, seconds = train(config, Path("out") / f"{path.stem}_training.csv")
    save(network, config, path)
    parameters = sum(value.numel() for value in network.parameters())
    print(f"{path}: {parameters} parameters, {config.steps} steps in {seconds:.0f} s")


if __name__ == "__main__":
    main()
