"""Frames and solvers for tests of gradients."""

import numpy as np
import torch

from hpsolver import Solver


def frame(shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return torch.tensor(10.0 ** rng.uniform(0, 1.5, shape)), torch.tensor(rng.standard_normal(shape))


def solver(shape: tuple[int, ...], solid: bool = False, **options) -> Solver:
    made = Solver(shape, tolerance=1e-12, precision="float64", **options)
    if solid:
        made.set_solid(np.random.default_rng(3).random(shape) < 0.25)
    return made


def worlds_of(shape: tuple[int, ...], count: int, **options) -> Solver:
    return Solver(shape, worlds=count, tolerance=1e-12, precision="float64", **options)
