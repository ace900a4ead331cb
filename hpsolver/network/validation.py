"""How good a network in training is: PCG iterations on unseen frames; and the log of its run."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from hpsolver import Solver

from .frames import VALIDATION_SEED
from .task import Task

TOLERANCE = 1e-8
COLUMNS = ("step", "seconds", "rate", "loss", "gradient", "iterations", "worst", "failed")


def validate(task: Task, network: nn.Module, frames: int) -> dict[str, float]:
    """PCG to 1e-8 on unseen frames: mean and worst iterations, and how many needed the fallback or did not converge."""
    counts, failed = [], 0
    for family, shape, contrast in task.validation():
        solver = Solver(
            shape,
            preconditioner=task.preconditioner(network),
            tolerance=TOLERANCE,
            max_iterations=3000,
            device="cpu",
        )
        for seed in range(VALIDATION_SEED, VALIDATION_SEED + frames):
            solver._let_it_begin()
            solver.step(*task.frames.unseen(family, shape, seed, contrast))
            counts.append(solver.info.iterations)
            failed += solver.info.fallback or not solver.info.converged
    return {"iterations": float(np.mean(counts)), "worst": max(counts), "failed": failed}


def log(folder: Path, row: Mapping[str, Any]) -> None:
    """Adds a row of ``COLUMNS`` to ``log.csv`` in a folder, and draws ``curve.png`` anew."""
    table = folder / "log.csv"
    fresh = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if fresh:
            writer.writeheader()
        writer.writerow(row)
    _plot(table, folder / "curve.png")


def _plot(table: Path, picture: Path) -> None:
    """Loss and iterations over steps; left out where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    with table.open() as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    figure = Figure(figsize=(6, 3.6))
    left = figure.subplots()
    right = left.twinx()
    left.plot(steps, [float(row["loss"]) for row in rows], "C0")
    right.plot(steps, [float(row["iterations"]) for row in rows], "C1")
    left.set(xlabel="step")
    left.set_ylabel("loss", color="C0")
    right.set_ylabel("iterations on unseen frames", color="C1")
    figure.savefig(picture, dpi=110, bbox_inches="tight")
