"""Training task of the learned coarse space, on frames of all kinds and sizes."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import nn

from hpsolver.preconditioners.basis_weights import ARCHITECTURE
from hpsolver.preconditioners.htp import HTP

from .basis import BasisConfig, BasisNetwork
from .coupling import additive_product, coarse_basis, coupling_matrix, determinant_objective
from .frames import FrameConfig, FrameSource
from .objectives import cosine_hutchinson, probes
from .oracle import Gains, gains
from .patches import PatchLattice
from .poisson import Lattice, Operator

MIX = FrameConfig(
    shapes=((32, 32), (48, 32), (48, 40), (64, 48), (33, 50), (64, 32), (64, 64), (16, 64)),
    families=("panel", "bubbles", "film", "noise"),
    contrast=(1.0, 1e5),
    boundaries=("wall", "wall", "wall", "open", "periodic"),
    solid=0.2,
    distinct=6000,
)
"""2D: all but two families of the gallery (``dam`` and ``tank`` stay unseen), every kind of side, some solids. Small
grids: a leaf's best functions depend on its neighbours and hardly on what is beyond (``bench/FINDINGS.md``)."""

SPACE = FrameConfig(
    shapes=((16, 12, 12), (16, 8, 8), (24, 12, 8), (13, 10, 17)),
    families=("panel", "bubbles", "film", "noise"),
    contrast=(1.0, 1e5),
    boundaries=("wall", "wall", "wall", "open", "periodic"),
    solid=0.2,
    distinct=4000,
)
"""The same in 3D."""

OBJECTIVES = ("gain", "determinant", "cosine")

COSINE_PROBES = 32
"""Probes a frame of the cosine objective."""


@dataclass(frozen=True)
class BasisTask:
    """The network, its training frames and its objective.

    Attributes:
        network: the network's size.
        frames: the frames it is trained on.
        objective: ``gain`` takes what the leaves' functions leave uncaptured (``oracle``). It adds the mean of its
            logarithm and the logarithm of its mean, relative to the best choice's, so that neither the many easy leaves
            nor the few hard ones are forgotten. ``determinant`` is J of ``coupling`` per leaf, over R. ``cosine`` is
            the published objective, for comparison (``objectives``).
        sizes: numbers of candidates C. Their objectives are added, so that the leading functions also serve alone.
        validation_size: coarse size of the solvers that validate: additive, choosing among the fewest candidates.

    Raises:
        ValueError: there is no such objective.
    """

    network: BasisConfig = field(default_factory=BasisConfig)
    frames: FrameConfig = MIX
    objective: str = "gain"
    sizes: tuple[int, ...] = (8, 16)
    validation_size: int = 4

    architecture = ARCHITECTURE

    def __post_init__(self):
        if self.objective not in OBJECTIVES:
            raise ValueError(f"unknown objective {self.objective!r}; allowed: {', '.join(OBJECTIVES)}")

    def make_network(self) -> nn.Module:
        return BasisNetwork(self.network)

    def source(self, device: torch.device) -> FrameSource:
        return frame_source(self.frames, device)

    def predict(self, network: nn.Module, operator: Operator) -> torch.Tensor:
        return network(operator, patch_lattice(operator.lattice))

    def loss(self, coefficients: torch.Tensor, operator: Operator, generator: torch.Generator) -> torch.Tensor:
        if self.objective == "gain":
            known, best = known_gains(operator)
            left = known.uncaptured(coefficients).clamp_min(0.0)
            parts = (left[..., R - 2].log1p().mean() + _relative(left, best, R).log().mean() for R in self.sizes)
            return sum(parts)
        basis = coarse_basis(operator, coefficients @ patch_lattice(operator.lattice).candidates)
        if self.objective == "determinant":
            coupling = coupling_matrix(operator, basis)
            return sum(determinant_objective(coupling, R).mean() / R for R in self.sizes)
        z = probes(operator, COSINE_PROBES, generator, smooth=True)
        products = (additive_product(operator, basis[..., :R]) for R in self.sizes)
        return sum(cosine_hutchinson(operator, product, z) for product in products)

    def preconditioner(self, network: nn.Module) -> HTP:
        fewest = min(self.sizes)
        size = min(self.validation_size, fewest)
        return HTP.of_network(network, coarse_size=size, candidates=fewest, sweep="additive")

    def validation(self) -> list[tuple[str, tuple[int, ...], float | None]]:
        if self.frames.recorded:
            return [("recorded", max(self.frames.shapes, key=math.prod), None)]
        if self.network.dimension == 3:
            return [(family, (16, 16, 16), 1e3) for family in ("panel", "bubbles", "film", "noise")]
        return [("panel", (64, 64), None), *((family, (64, 64), 1e3) for family in ("bubbles", "film", "noise"))]


@functools.lru_cache(maxsize=2)
def frame_source(config: FrameConfig, device: torch.device) -> FrameSource:
    """One source for all trainings of a process, which share the batches it remembers."""
    return FrameSource(config, device)


@functools.lru_cache(maxsize=64)
def patch_lattice(lattice: Lattice) -> PatchLattice:
    return PatchLattice(lattice)


_KNOWN: WeakKeyDictionary[Operator, tuple[Gains, torch.Tensor]] = WeakKeyDictionary()


def known_gains(operator: Operator) -> tuple[Gains, torch.Tensor]:
    """Gains in single precision, and [B, F] what the constant and the best 1, 2, ..., F functions of a leaf leave
    uncaptured, the mean over the leaves. Kept as long as the operator: they cost more than a step of training."""
    if operator not in _KNOWN:
        with torch.no_grad():
            exact = gains(operator, patch_lattice(operator.lattice).candidates)
            excess = (torch.linalg.eigvalsh(exact.own).flip(-1) - 1.0).clamp_min(0.0)
            best = (excess.sum(dim=-1, keepdim=True) - excess.cumsum(dim=-1)).mean(dim=1)
        _KNOWN[operator] = Gains(exact.own.float(), exact.coordinates.float()), best.float()
    return _KNOWN[operator]


def _relative(left: torch.Tensor, best: torch.Tensor, size: int) -> torch.Tensor:
    """[B] the mean of what is left, relative to what the best functions leave; finite also where that is nothing."""
    return (left[..., size - 2].mean(dim=1) + 0.1) / (best[:, size - 2] + 0.1)
