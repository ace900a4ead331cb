"""Training frames: drawn anew for every step, or from so many that nothing can be learned by heart."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
import warp as wp

from hpsolver import problems
from hpsolver.grid import make_grid
from hpsolver.system import System

from .poisson import Lattice, Operator, assembled_operator, stack
from .recorded import Recording

FIRST_SEED = 1_000_000
"""Seed of the first training frame; later ones count upwards. Tables use 10,000 and up, validation 500,000 and up."""

VALIDATION_SEED = 500_000


@dataclass(frozen=True)
class FrameConfig:
    """What a frame is drawn from; each entry of a tuple is as likely as the others.

    Attributes:
        shapes: shapes of grids.
        families: of the gallery (``hpsolver.problems``).
        contrast: range of the contrast, log-uniform; None: the default of each family, for panel the paper's 5 to 100.
        boundaries: for the sides of the first axis, and for those of the last.
        solid: share of frames with a solid block somewhere.
        distinct: how many batches there are; later ones repeat them, from memory. None: no limit.
        recorded: a folder of densities to cut the frames from (``recorded``), in place of families and contrast.
    """

    shapes: tuple[tuple[int, ...], ...]
    families: tuple[str, ...] = ("panel",)
    contrast: tuple[float, float] | None = None
    boundaries: tuple[str, ...] = ("wall",)
    solid: float = 0.0
    distinct: int | None = None
    recorded: str | None = None

    def unseen(self, family: str, shape: tuple[int, ...], seed: int, contrast: float | None) -> tuple[np.ndarray, ...]:
        """(density, right-hand side) of a frame for validation: of the gallery, or cut from a file that is held out."""
        if self.recorded is None:
            return problems.frame(family, shape, seed=seed, contrast=contrast)
        rng = np.random.default_rng(seed)
        density = Recording(self.recorded, held_out=True).window(shape, rng)
        return density, problems.rhs("random", density, seed=rng)


class FrameSource:
    """Draws operators of the configured frames.

    Args:
        config: what to draw from.
        device: of the tensors; assembly itself runs on the CPU.
    """

    def __init__(self, config: FrameConfig, device: torch.device | str = "cpu"):
        self.config, self.device = config, device
        self._recording = Recording(config.recorded) if config.recorded else None
        self._assembly = functools.lru_cache(maxsize=64)(self._make_assembly)
        self._known = functools.lru_cache(maxsize=config.distinct or 1)(self._make_batch)

    def batch(self, seed: int, count: int) -> Operator:
        """``count`` frames of one grid, a pure function of ``seed``."""
        return self._known(seed % self.config.distinct if self.config.distinct else seed, count)

    def _make_batch(self, seed: int, count: int) -> Operator:
        config, rng = self.config, np.random.default_rng(seed)
        shape = config.shapes[rng.integers(len(config.shapes))]
        sides = [config.boundaries[rng.integers(len(config.boundaries))] for _ in range(2)]
        boundary = (sides[0], *["wall"] * (len(shape) - 2), sides[1])
        block = self._block(shape, rng) if rng.random() < config.solid else None
        system, lattice = self._assembly(shape, boundary, block)
        return stack([self._draw(system, lattice, np.random.default_rng([seed, k])) for k in range(count)])

    def _draw(self, system: System, lattice: Lattice, rng: np.random.Generator) -> Operator:
        density = self._density(system.grid.shape, rng)
        system.density.assign(system.bricks.to_bricks(density))
        system.assemble()
        return assembled_operator(lattice, system)

    def _density(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        if self._recording:
            return self._recording.window(shape, rng)
        config = self.config
        family = config.families[rng.integers(len(config.families))]
        contrast = None if config.contrast is None else float(np.exp(rng.uniform(*np.log(config.contrast))))
        return problems.density(family, shape, seed=rng, contrast=contrast)

    @staticmethod
    def _block(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[tuple[int, int], ...]:
        """(first, last) cell of a solid block on each axis, off the walls, so that the fluid stays connected."""
        sizes = [int(rng.integers(2, max(3, n // 4))) for n in shape]
        starts = [int(rng.integers(1, n - size)) for n, size in zip(shape, sizes, strict=True)]
        return tuple((start, start + size) for start, size in zip(starts, sizes, strict=True))

    def _make_assembly(
        self, shape: tuple[int, ...], boundary: tuple[str, ...], block: tuple[tuple[int, int], ...] | None
    ) -> tuple[System, Lattice]:
        system = System(make_grid(shape, boundary=boundary), 128, "mixed", wp.get_device("cpu"))
        if block is not None:
            solid = np.zeros(shape, dtype=bool)
            solid[tuple(slice(*ends) for ends in block)] = True
            system.set_solid(solid)
        return system, Lattice(system, self.device)
