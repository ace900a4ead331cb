"""Frames of many worlds, and a solver of many worlds beside one solver for each."""

import numpy as np

from hpsolver import Solver, problems

SHAPE, W = (20, 26), 5
FAMILIES = ("bubbles", "noise", "panel", "film", "bubbles")


def frames(shape=SHAPE, count=W, seed=0):
    """Density and right-hand side [worlds, *shape]; the last world's right-hand side is zero."""
    parts = [problems.frame(FAMILIES[s % 5], shape, seed=seed + s) for s in range(count)]
    density, rhs = (np.stack(part) for part in zip(*parts, strict=True))
    rhs[-1] = 0.0
    return density, rhs


def agree(many: Solver, alone: list[Solver], inputs: list[dict]) -> None:
    """Asserts that each world of ``many`` gets the bits, and the report, of a solver of its own."""
    for given in inputs:
        pressure = many.step(**given)
        info = many.info
        for w, solver in enumerate(alone):
            mine = {name: cut(value, w) for name, value in given.items()}
            expected = solver.step(**mine)
            assert np.array_equal(np.asarray(pressure[w]), np.asarray(expected), equal_nan=True)
            assert info.status[w] == solver.info.status
            assert info.iterations[w] == solver.info.iterations
            assert np.array_equal(info.residual[w], solver.info.residual, equal_nan=True)
            assert info.fallback[w] == solver.info.fallback


def cut(value, world: int):
    return tuple(part[world] for part in value) if isinstance(value, tuple) else value[world]


def pair(shape=SHAPE, worlds=W, **options) -> tuple[Solver, list[Solver]]:
    return Solver(shape, worlds=worlds, **options), [Solver(shape, **options) for _ in range(worlds)]


def two_frames(shape=SHAPE, worlds=W) -> list[dict]:
    return [dict(zip(("density", "rhs"), frames(shape, worlds, seed), strict=True)) for seed in (0, 7)]


def moving(shape=SHAPE, worlds=W, seed=0, surface=False):
    rng = np.random.default_rng(seed)
    density, rhs = frames(shape, worlds, seed)
    given = {"density": density, "rhs": rhs, "solid": rng.random((worlds, *shape)) < 0.2}
    if surface:
        given["surface"] = rng.random((worlds, *shape)) - 0.7
    else:
        given["air"] = rng.random((worlds, *shape)) < 0.1
    return given
