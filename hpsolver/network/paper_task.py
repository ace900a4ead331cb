"""Training task of the published preconditioner: cosine-Hutchinson (or SAI) on panel frames of one size."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import torch
from torch import nn

from hpsolver.preconditioners.htp_paper import HTPaper
from hpsolver.preconditioners.paper_weights import ARCHITECTURE

from . import objectives
from .frames import FrameConfig, FrameSource
from .partition import make_partition
from .poisson import Lattice, Operator
from .tiles import TileMap
from .transformer import HierarchicalTransformer, TransformerConfig

OBJECTIVES = {"cosine": objectives.cosine_hutchinson, "sai": objectives.sparse_approximate_inverse}


@dataclass(frozen=True)
class PaperTask:
    """The network, its training frames and its objective.

    Attributes:
        network: the network's size.
        frames: the frames it is trained on.
        objective: ``cosine`` or ``sai`` (``objectives``).
        smooth: smooth the probes, as published for ``cosine``.
        probes: random probes of a frame.

    Raises:
        ValueError: there is no such objective.
    """

    network: TransformerConfig = field(default_factory=lambda: TransformerConfig(width=64, heads=4))
    frames: FrameConfig = field(default_factory=lambda: FrameConfig(shapes=((32, 32),)))
    objective: str = "cosine"
    smooth: bool = True
    probes: int = 64

    architecture = ARCHITECTURE

    def __post_init__(self):
        if self.objective not in OBJECTIVES:
            raise ValueError(f"unknown objective {self.objective!r}; allowed: {', '.join(OBJECTIVES)}")

    def make_network(self) -> nn.Module:
        return HierarchicalTransformer(self.network)

    def source(self, device: torch.device) -> FrameSource:
        return FrameSource(self.frames, device)

    def predict(self, network: nn.Module, operator: Operator):
        """Factors of the frames; the part that may run in half precision."""
        return network(operator, tile_map(operator.lattice, operator.lattice.leaf_size // self.network.rank))

    def loss(self, factors, operator: Operator, generator: torch.Generator) -> torch.Tensor:
        tiles = tile_map(operator.lattice, operator.lattice.leaf_size // self.network.rank)
        z = objectives.probes(operator, self.probes, generator, smooth=self.smooth)
        return OBJECTIVES[self.objective](operator, functools.partial(factors.apply, operator, tiles), z)

    def preconditioner(self, network: nn.Module) -> HTPaper:
        """The preconditioner that validation runs."""
        return HTPaper.of_network(network)

    def validation(self) -> list[tuple[str, tuple[int, ...], float | None]]:
        """(family, shape, contrast) of unseen frames."""
        return [("panel", shape, None) for shape in self.frames.shapes]


@functools.lru_cache(maxsize=64)
def tile_map(lattice: Lattice, pool: int) -> TileMap:
    return TileMap(lattice, make_partition(lattice.bricks.coordinates), pool)
