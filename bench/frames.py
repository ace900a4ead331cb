"""Sequences of frames: what a solver meets one after the other.

- ``panel``: the published data set's barriers (contrast 5 to 100, 5 % noise in every cell), each frame drawn anew.
- ``noise``: both phases torn everywhere, 1000:1 and 5 % noise, drawn anew: the hardest of the gallery.
- ``bubbles``, ``film``: a two-phase flow. The gallery's phases at 1000:1, without noise, carried by vortices one cell
  a frame at the fastest, solved for the pressure of buoyancy. Most cells keep their density from frame to frame, as in
  a simulation, and a solver may use that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hpsolver import problems

SEED = 10000


@dataclass(frozen=True)
class Frame:
    """density [shape] > 0, rhs [shape] of zero mean."""

    density: np.ndarray
    rhs: np.ndarray


def drawn(family: str, shape: tuple[int, ...], count: int, contrast: float | None = None) -> list[Frame]:
    """``count`` frames of a gallery family with random right-hand sides, seeds from 10000 on."""
    return [Frame(*problems.frame(family, shape, seed=SEED + s, contrast=contrast)) for s in range(count)]


def moving(family: str, shape: tuple[int, ...], count: int, contrast: float = 1000.0) -> list[Frame]:
    """``count`` frames of a flow that begins with a gallery density.

    A cell takes the value of the cell that the flow brought it from, without interpolation, so that both phases stay
    pure and the interface sharp. The velocity is steady, so each frame traces the origins of the last frame one step
    further back.
    """
    start = problems.density(family, shape, seed=SEED, contrast=contrast, noise=0.0)
    origin = _cell_centres(shape)
    frames = []
    for _ in range(count):
        cell = tuple(np.clip((x * n).astype(int), 0, n - 1) for x, n in zip(origin, shape, strict=True))
        density = start[cell]
        frames.append(Frame(density, problems.rhs("buoyancy", density)))
        origin = _one_step_back(origin, shape)
    return frames


def velocity(x: np.ndarray) -> np.ndarray:
    """[dimension, ...] at x in the unit box: vortices in the vertical planes, divergence-free, zero through walls."""
    *across, height = np.pi * x
    u = [-np.sin(a) * np.cos(height) for a in across]
    w = sum(np.cos(a) for a in across) * np.sin(height)
    return np.stack([*u, w])


def _one_step_back(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where the flow was at x one step earlier, by the midpoint rule; the fastest component moves one cell a step."""
    step = 1.0 / max(*shape[:-1], shape[-1] * (len(shape) - 1))
    middle = x - 0.5 * step * velocity(x)
    return np.clip(x - step * velocity(middle), 0.0, 1.0)


def _cell_centres(shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.meshgrid(*((np.arange(n) + 0.5) / n for n in shape), indexing="ij"))


FLOWS: dict[str, Callable[[tuple[int, ...], int], list[Frame]]] = {
    "panel": lambda shape, count: drawn("panel", shape, count),
    "noise": lambda shape, count: drawn("noise", shape, count, contrast=1000.0),
    "bubbles": lambda shape, count: moving("bubbles", shape, count),
    "film": lambda shape, count: moving("film", shape, count),
}
CONTRASTS = {"panel": "5-100", "noise": "1000", "bubbles": "1000", "film": "1000"}
"""Heavy over light density of each flow, as tables print it."""
