"""Training task of the learned coarse space, on frames of all kinds and sizes."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import torch
from torch import nn

from hpsolver.preconditioners.haar import haar
from hpsolver.preconditioners.htp import ARCHITECTURE, HTP

from .basis import BasisConfig, BasisNetwork
from .coupling import additive_product, coarse_basis, coupling_matrix, determinant_objective
from .frames import FrameConfig, FrameSource
from .objectives import cosine_hutchinson, probes
from .operator import Lattice, Operator
from .oracle import CANDIDATES, uncaptured
from .patches import PatchLattice

MIX = FrameConfig(
    shapes=((32, 32), (64, 32), (48, 40), (64, 64), (33, 50), (96, 64), (128, 64), (16, 64)),
    families=("panel", "bubbles", "film", "noise", "noise", "film"),
    contrast=(1.0, 1e4),
    boundaries=("wall", "wall", "wall", "open", "periodic"),
    solid=0.2,
)
"""2D: all but two families of the gallery (``dam`` and ``tank`` stay unseen), every kind of side, some solids."""

SPACE = FrameConfig(
    shapes=((16, 16, 16), (16, 8, 8), (24, 16, 16), (13, 10, 17)),
    families=("panel", "bubbles", "film", "noise"),
    contrast=(1.0, 1e4),
    boundaries=("wall", "wall", "wall", "open", "periodic"),
    solid=0.2,
)
"""The same in 3D."""

COSINE_PROBES = 32
"""Probes a frame of the cosine objective."""


@dataclass(frozen=True)
class BasisTask:
    """What is trained on what.

    Attributes:
        network: its size.
        frames: what it sees.
        objective: ``gain``, the mean over leaves of the logarithm of the gain that stays uncaptured, and the logarithm
            of its mean, so that neither the many easy leaves nor the few hard ones are forgotten;
            ``determinant``, that of the coarse matrix per leaf over R (``oracle``, ``coupling``); ``cosine``, the
            published one, for comparison (``objectives``).
        sizes: coarse sizes R whose objectives are added: the leading functions must do alone.
        validation_size: coarse size of the validation's solvers, additive.
    """

    network: BasisConfig = field(default_factory=BasisConfig)
    frames: FrameConfig = MIX
    objective: str = "gain"
    sizes: tuple[int, ...] = (4, 8)
    validation_size: int = 4

    architecture = ARCHITECTURE

    def make_network(self) -> nn.Module:
        return BasisNetwork(self.network)

    def source(self, device: torch.device) -> FrameSource:
        return FrameSource(self.frames, device)

    def predict(self, network: nn.Module, operator: Operator) -> torch.Tensor:
        return network(operator, patch_lattice(operator.lattice))

    def loss(self, start: torch.Tensor, operator: Operator, generator: torch.Generator) -> torch.Tensor:
        basis = coarse_basis(operator, start)
        if self.objective == "determinant":
            coupling = coupling_matrix(operator, basis)
            return sum(determinant_objective(coupling, R).mean() / R for R in self.sizes)
        if self.objective == "cosine":
            z = probes(operator, COSINE_PROBES, generator, smooth=True)
            products = (additive_product(operator, basis[..., :R]) for R in self.sizes)
            return sum(cosine_hutchinson(operator, product, z) for product in products)
        candidates = torch.from_numpy(haar(operator.lattice.bricks.extent, CANDIDATES - 1)).to(start.device)
        left = uncaptured(operator, basis, candidates).clamp_min(1e-3)
        return sum(left[..., R - 1].log().mean() + left[..., R - 1].mean(dim=1).log().mean() for R in self.sizes)

    def preconditioner(self, network: nn.Module) -> HTP:
        return HTP.of_network(network, coarse_size=self.validation_size, deflated=False, sweep="additive")

    def validation(self) -> list[tuple[str, tuple[int, ...], float | None]]:
        if self.network.dimension == 3:
            return [(family, (16, 16, 16), 1e3) for family in ("panel", "bubbles", "film", "noise")]
        return [("panel", (64, 64), None), *((family, (64, 64), 1e3) for family in ("bubbles", "film", "noise"))]


@functools.lru_cache(maxsize=64)
def patch_lattice(lattice: Lattice) -> PatchLattice:
    return PatchLattice(lattice)
