"""Functions that tests run on every rank of a group; each rank holds its own part of the arrays."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hpsolver import problems

SIDES = ("wall", "open", "periodic", ("wall", "open"))


@dataclass(frozen=True)
class Case:
    """A few frames of one solver.

    Attributes:
        options: arguments of the solver.
        solid: share of solid cells, drawn before the first frame and again before the third.
        moving: which of ``solid``, ``air``, ``surface``, ``fraction`` change every frame.
    """

    shape: tuple[int, ...]
    seed: int
    options: dict[str, Any] = field(default_factory=dict)
    solid: float = 0.0
    moving: Sequence[str] = ()
    frames: int = 3
    contrast: float = 1000.0
    dtype: str = "float64"


def draw(seed: int, preconditioners: Sequence[str]) -> Case:
    """A random case."""
    random = np.random.default_rng(seed)
    dimension = int(random.integers(2, 4))
    low, high = ((40, 130), (16, 40))[dimension - 2]
    shape = tuple(int(n) for n in random.integers(low, high, dimension))
    sides = [SIDES[k] for k in random.integers(0, len(SIDES), dimension)]
    options = {
        "boundary": tuple(sides),
        "preconditioner": str(random.choice(preconditioners)),
        "face_average": str(random.choice(["harmonic", "arithmetic"])),
        "warm_start": bool(random.random() < 0.3),
        "norm": str(random.choice(["l2", "l2", "max"])),
    }
    if options["preconditioner"] in ("none", "jacobi"):
        options["max_iterations"] = 40  # each iteration takes three messages
    contrast = float(10 ** random.uniform(0, 4))
    solid = float(random.choice([0.0, 0.0, 0.15, 0.3]))
    return Case(shape, seed, options, solid, contrast=contrast, dtype=str(random.choice(["float64", "float32"])))


def field_of(case: Case, what: str, frame: int) -> Any:
    """An array of the whole grid, the same on every rank."""
    random = np.random.default_rng([case.seed, frame, zlib.crc32(what.encode())])
    if what in ("solid", "air"):
        return random.random(case.shape) < 0.2
    if what == "surface":
        return random.standard_normal(case.shape) - 1.0
    return tuple(
        random.random(tuple(n + (a == axis) for a, n in enumerate(case.shape))) for axis in range(len(case.shape))
    )


def part_of(whole: Any, owned: tuple[slice, ...]) -> Any:
    """A rank's part of an array of cells, or of arrays of faces: the faces around its cells."""
    if not isinstance(whole, tuple):
        return whole[owned].copy()
    axes = range(len(owned))
    around = [tuple(slice(s.start, s.stop + (a == axis)) for a, s in enumerate(owned)) for axis in axes]
    return tuple(array[faces].copy() for array, faces in zip(whole, around, strict=True))


def solve(group: Any, case: Case) -> tuple[list[np.ndarray], list[tuple[Any, ...]]]:
    """The gathered pressures of a case's frames, and what the solver reported of each frame."""
    from hpsolver.distributed import Solver

    solver = Solver(case.shape, group=group, **case.options)
    pressures, reports = [], []
    for frame in range(case.frames):
        if case.solid and frame in (0, 2):
            random = np.random.default_rng([case.seed, frame])
            solver.set_solid((random.random(case.shape) < case.solid)[solver.owned])
        density, rhs = problems.frame("bubbles", case.shape, seed=case.seed + frame, contrast=case.contrast)
        given = {what: part_of(field_of(case, what, frame), solver.owned) for what in case.moving}
        parts = density[solver.owned].astype(case.dtype), rhs[solver.owned].astype(case.dtype)
        pressures.append(solver.gather(solver.step(*parts, **given)))
        info = solver.info
        reports.append(
            (
                str(info.status),
                info.iterations,
                info.residual,
                info.output_residual,
                info.rhs_mean_removed,
                info.preconditioner,
            )
        )
    return pressures, reports


def messages(group: Any, preconditioner: str, shape: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Of frames that stop after 2, 6 and 10 iterations: iterations, and messages that this rank took part in."""
    from hpsolver.distributed import Solver

    density, rhs = problems.frame("bubbles", shape, seed=1)
    iterations, counts = [], []
    for limit in (2, 6, 10):
        solver = Solver(shape, group=group, preconditioner=preconditioner, tolerance=1e-13, max_iterations=limit)
        for _ in range(2):  # the second one is a replay
            before = solver.transport.messages
            solver.step(density[solver.owned], rhs[solver.owned])
        iterations.append(solver.info.iterations)
        counts.append(solver.transport.messages - before)
    return iterations, counts


def residual_by_scipy(group: Any, shape: tuple[int, ...], boundary: Any) -> tuple[float, float]:
    """||b - A p|| / ||b|| of a frame, with A and p gathered; and the residual that was reported."""
    from hpsolver.distributed import Solver

    solver = Solver(shape, group=group, boundary=boundary, preconditioner="schwarz", tolerance=1e-8)
    density, rhs = problems.frame("bubbles", shape, seed=3)
    pressure = solver.gather(solver.step(density[solver.owned], rhs[solver.owned]))
    rhs = rhs - solver.info.rhs_mean_removed
    residual = rhs.ravel() - solver.matrix() @ pressure.ravel()
    return float(np.linalg.norm(residual) / np.linalg.norm(rhs)), solver.info.residual


def one_bad_cell(group: Any, what: str, value: float) -> tuple[Any, ...]:
    """The reports of three frames, the second with one bad value in the last rank's part."""
    from hpsolver.distributed import Solver

    shape = (48, 40)
    solver = Solver(shape, group=group, preconditioner="schwarz")
    found: list[Any] = []
    for bad in (False, True, False):
        fields = dict(zip(("density", "rhs"), problems.frame("bubbles", shape, seed=1), strict=True))
        if bad:
            fields[what] = fields[what].copy()
            fields[what][45, 38] = value
        solver.step(fields["density"][solver.owned], fields["rhs"][solver.owned])
        info = solver.info
        found += [str(info.status), info.bad_cells, info.first_bad_cell]
    return tuple(found)


def disagree(group: Any, what: str) -> str:
    """The error of a rank when the last one is given something else than the others."""
    import torch.distributed as dist

    from hpsolver.distributed import Solver

    last = dist.get_rank(group) == dist.get_world_size(group) - 1
    shape = (48, 56 if last and what == "shape" else 40)
    options = {"tolerance": 1e-4 if last and what == "options" else 1e-6}
    try:
        solver = Solver(shape, group=group, preconditioner="jacobi", **options)
        density, rhs = (np.ones(solver.local.shape) for _ in range(2))
        if what == "step":
            solver.step(density[:-1] if last else density, rhs)
        if what == "mask":
            solver.set_solid(np.zeros((2, 2) if last else solver.local.shape, bool))
        if what == "moving":
            solver.step(density, rhs, **({"solid": np.zeros(solver.local.shape, bool)} if last else {}))
    except Exception as error:  # a test looks at it
        return f"{type(error).__name__}: {error}"
    return "nothing"


def lose_one(group: Any, how: str) -> str:
    """The error of a rank when rank 1 dies in a frame, or does not come to it."""
    import os
    import time

    import torch.distributed as dist

    from hpsolver.distributed import Solver

    density, rhs = (np.random.default_rng(k).random((48, 40)) + 0.5 for k in range(2))
    alone = [dist.new_group([rank]) for rank in range(dist.get_world_size())][dist.get_rank()]
    Solver((48, 40), group=alone, preconditioner="jacobi").step(density, rhs)  # compiles, without the short timeout
    dist.barrier()
    solver = Solver((48, 40), group=group, preconditioner="jacobi")
    solver.step(density[solver.owned], rhs[solver.owned])
    if dist.get_rank(group) == 1:
        if how == "dies":
            os._exit(1)
        time.sleep(5)
        return "late"
    try:
        solver.step(density[solver.owned], rhs[solver.owned])
    except Exception as error:  # a test looks at it
        return f"{type(error).__name__}: {error}"
    return "nothing"


def refused(group: Any) -> list[str]:
    """The errors of all that a solver on several ranks refuses."""
    import torch

    from hpsolver import Projection
    from hpsolver.distributed import Solver

    solver = Solver((48, 40), group=group, preconditioner="jacobi")
    ones = np.ones(solver.local.shape)
    wanted = torch.tensor(ones, requires_grad=True)
    said = []
    for attempt in (
        lambda: Solver((48, 40), group=group, worlds=2),
        lambda: Solver((48, 40), group=group, preconditioner="fsai"),
        lambda: Solver((8, 8), group=group, preconditioner="jacobi"),
        lambda: solver.step(wanted, torch.tensor(ones)),
        lambda: Projection(solver),
    ):
        try:
            attempt()
            said.append("nothing")
        except Exception as error:  # a test looks at it
            said.append(f"{type(error).__name__}: {error}")
    return said
