"""The frames that ``fibers`` runs: cases, forms of preconditioners, and a line of JSON for each."""

from __future__ import annotations

import functools
import json

import numpy as np
import warp as wp
from stretched_axes import growing

BLOCKS = 3
"""Blocks of a loop in one kernel."""
FORMS = (
    ("none", "none", {}),
    ("jacobi", "jacobi", {}),
    ("jacobi by the largest entry", "jacobi", {}),
    ("block_jacobi", "block_jacobi", {}),
    ("schwarz", "Schwarz", {}),
    ("schwarz 8 of 16", "Schwarz", {"coarse_size": 8, "candidates": 16}),
    ("schwarz dense", "Schwarz", {"dense": True}),
    ("schwarz 4 of 8 dense", "Schwarz", {"coarse_size": 4, "candidates": 8, "dense": True}),
    ("schwarz dense nested", "Schwarz", {"dense": True, "levels": 3}),
    ("schwarz nested", "Schwarz", {"levels": 3}),
    ("schwarz additive dense", "Schwarz", {"sweep": "additive", "dense": True}),
    ("schwarz deflated", "Schwarz", {"sweep": "deflated"}),
    ("multigrid", "Multigrid", {"block_cells": 100, "sweeps": 1}),
    ("multigrid in one block", "Multigrid", {}),
    ("dilu", "dilu", {}),
    ("dd_attention dense", "DDAttention", {"dense": True}),
    ("htp", "htp", {}),
    ("paper's htp", "htp_paper", {}),  # a small network
    ("one kernel: jacobi", "jacobi", {}),
    ("one kernel: multigrid", "Multigrid", {"block_cells": 100}),
    ("one kernel: schwarz", "Schwarz", {"dense": True}),
)
CASES = {
    "2D": {"shape": (40, 24), "boundary": "wall", "solid": False},
    "2D solid open": {"shape": (37, 26), "boundary": (("open", "wall"), "wall"), "solid": True},
    "2D periodic": {"shape": (48, 32), "boundary": "periodic", "solid": True},
    "3D": {"shape": (12, 10, 9), "boundary": (("open", "wall"), "wall", "periodic"), "solid": True},
    "2D moving": {"shape": (40, 37), "boundary": (("wall"), "periodic"), "solid": True},
    "3D moving": {"shape": (12, 10, 9), "boundary": "wall", "solid": True},
    "2D stretched": {"shape": (37, 26), "boundary": (("open", "wall"), "periodic"), "solid": True, "growth": 1.2},
    "2D larger": {"shape": (64, 56), "boundary": (("open", "wall"), "periodic"), "solid": False},
    "2D worlds": {"shape": (20, 24), "boundary": (("open", "wall"), "wall"), "solid": False},
}
WORLDS = 3
FEW_FORMS = {
    "2D periodic": ("none", "jacobi", "schwarz dense", "schwarz nested", "multigrid", "dd_attention dense", "htp"),
    "2D moving": ("jacobi", "schwarz", "multigrid", "htp"),
    "3D moving": ("multigrid",),
    "2D stretched": ("schwarz", "schwarz dense"),
    "2D larger": ("one kernel: jacobi", "one kernel: multigrid", "one kernel: schwarz"),
    "2D worlds": ("jacobi", "schwarz dense", "multigrid", "htp"),
}
PRECISIONS = ("mixed", "float32")


def frame(case: dict) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(7)
    shape = case["shape"]
    density = np.where(rng.random(shape) < 0.3, 100.0, 1.0)
    solid = rng.random(shape) < (0.15 if case["solid"] else 0.0)
    return density, rng.standard_normal(shape), solid


def gradient(solver, density: np.ndarray) -> float:
    """2-norm of dL/d(density) after a step, for dL/d(pressure) = cos(0), cos(1), .."""
    adjoint = solver.adjoint
    kept = adjoint.keep()
    adjoint.solve(kept, density, np.cos(np.arange(density.size)).reshape(density.shape), "numpy")
    return float(np.linalg.norm(adjoint.density_gradient(kept, "numpy").numpy()))


def run(name: str, chosen: str = "") -> None:
    from hpsolver import Solver, preconditioners, programs, solver
    from hpsolver import frame as frame_module
    from hpsolver.preconditioners import leaves
    from hpsolver.system import System

    case = CASES[name]
    density, rhs, solid = frame(case)
    frame_module.Frame.capture = lambda self: functools.partial(self.record, wp.capture_while)  # eager frames alone
    one_kernel = False
    programs.blocks_for = lambda repeat, system, worlds: BLOCKS if one_kernel else 0
    solver.System = functools.partial(System, slots=3)  # several blocks, as on a GPU
    leaves.makes_lists = lambda system, dense: False  # a GPU has none
    for form, what, options in FORMS:
        if not form.startswith(chosen):
            continue
        if form in ("none", "jacobi by the largest entry") and name != "2D":  # many iterations, few kernels
            continue
        if form.startswith("one kernel") and name not in ("2D larger", "3D"):
            continue
        one_kernel = form.startswith("one kernel") and wp.config.enable_cpu_blocks
        moving, worlds = name.endswith("moving"), WORLDS if name.endswith("worlds") else None
        if (what == "htp_paper" and name != "2D") or form not in FEW_FORMS.get(name, form):
            continue
        for precision in PRECISIONS if form in ("schwarz dense", "multigrid", "jacobi") else PRECISIONS[:1]:
            made = getattr(preconditioners, what)(**options) if what[0].isupper() else what
            if what == "htp_paper":
                from small_transformer import small_transformer  # with the kernels that ``pretend`` installed

                made = small_transformer()
            norm = "max" if form.endswith("largest entry") else "l2"
            chosen_options = {"boundary": case["boundary"], "precision": precision, "norm": norm, "device": "cpu"}
            if "growth" in case:
                chosen_options["spacing"] = [growing(n, case["growth"]) for n in case["shape"]]
            one = Solver(case["shape"], preconditioner=made, worlds=worlds, **chosen_options)
            one.preconditioner.doubtful = False
            if not form.startswith("one kernel"):  # there, with a fallback, renewal is a loop too
                one.fallback = None
            # A first frame rehearses its kernels, and numbers that are read too early would be right already. So the
            # frame that counts is the second one, of another density.
            other = np.roll(density, 5, 0)
            if moving:  # walls of solid and a pond of air: regions of all kinds
                walls = solid | (np.arange(solid.shape[0]) % 8 == 7).reshape(-1, *[1] * (solid.ndim - 1))
                air = np.zeros_like(solid)
                air[3:6, 11:14] = True
                one.step(other, rhs, solid=walls, air=air)
                p = one.step(density, rhs, solid=walls, air=air)
            elif worlds:  # the middle one is looked at
                shift = range(WORLDS)
                for drawn in (other, density):
                    p = one.step(*(np.stack([np.roll(part, s, 0) for s in shift]) for part in (drawn, rhs)))[1]
            else:
                one.set_solid(solid)
                one.preconditioner.doubtful = False
                one._let_it_begin()
                one.step(other, rhs)
                p = one.step(density, rhs)
            info = one.info[1] if worlds else one.info
            line = {"case": name, "form": form, "precision": precision, "iterations": info.iterations}
            line |= {"status": str(info.status), "residual": info.residual, "norm": float(np.linalg.norm(p))}
            if form == "jacobi" and not worlds:
                line["gradient"] = gradient(one, density)
            print(json.dumps(line), flush=True)
