"""Frames with the CUDA form of every native body, on the CPU: 256 lanes a block, as fibers that switch at barriers.

A program of its own, since it changes what is compiled:

    python tests/fibers.py ORDER CASE [FORM [WITHOUT]]
    python tests/fibers.py mutate

Fibers run one after the other from barrier to barrier. ``ORDER`` is ``up`` or ``down``, how lanes are numbered on the
fibers: where a barrier is missing, one order catches a lane that reads what a higher lane wrote, and the other what a
lower lane wrote. ``CASE`` is a name of ``CASES``, or ``all``; ``FORM`` is the beginning of a name of ``FORMS``.
``WITHOUT`` takes a barrier out: ``coarse/galerkin:3`` is the fourth of that fragment. Prints a line of JSON for each
case and preconditioner: iterations, status, residual, and the 2-norm of the pressure. ``mutate`` takes out every
barrier in turn, and says whether any of these lines changes.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import warp as wp
from stretched_axes import growing

ROOT = Path(__file__).parent.parent
LANE = {"up": "WP_TILE_THREAD_IDX", "down": "(255 - WP_TILE_THREAD_IDX)"}
BARRIER = "HP_SYNC;"
FORMS = (
    ("none", "none", {}),
    ("jacobi", "jacobi", {}),
    ("jacobi by the largest entry", "jacobi", {}),
    ("block_jacobi", "block_jacobi", {}),
    ("schwarz", "Schwarz", {}),
    ("schwarz 8 of 16", "Schwarz", {"coarse_size": 8, "candidates": 16}),
    ("schwarz dense", "Schwarz", {"dense": True}),
    ("schwarz dense nested", "Schwarz", {"dense": True, "levels": 3}),
    ("schwarz nested", "Schwarz", {"levels": 3}),
    ("schwarz additive dense", "Schwarz", {"sweep": "additive", "dense": True}),
    ("schwarz deflated", "Schwarz", {"sweep": "deflated"}),
    ("multigrid", "Multigrid", {"block_cells": 100}),
    ("multigrid in one block", "Multigrid", {}),
    ("dilu", "dilu", {}),
    ("dd_attention dense", "DDAttention", {"dense": True}),
    ("htp", "htp", {}),
    ("paper's htp", "htp_paper", {}),
)
CASES = {
    "2D": {"shape": (40, 24), "boundary": "wall", "solid": False},
    "2D solid open": {"shape": (37, 26), "boundary": (("open", "wall"), "wall"), "solid": True},
    "2D periodic": {"shape": (48, 32), "boundary": "periodic", "solid": True},
    "3D": {"shape": (12, 10, 9), "boundary": (("open", "wall"), "wall", "periodic"), "solid": True},
    "2D moving": {"shape": (40, 37), "boundary": (("wall"), "periodic"), "solid": True},
    "3D moving": {"shape": (12, 10, 9), "boundary": "wall", "solid": True},
    "2D stretched": {"shape": (37, 26), "boundary": (("open", "wall"), "periodic"), "solid": True, "growth": 1.2},
    "2D worlds": {"shape": (20, 24), "boundary": (("open", "wall"), "wall"), "solid": False},
}
WORLDS = 3
FEW_FORMS = {
    "2D moving": ("jacobi", "schwarz", "multigrid", "htp"),
    "3D moving": ("multigrid",),
    "2D stretched": ("schwarz", "schwarz dense"),
    "2D worlds": ("jacobi", "schwarz dense", "multigrid", "htp"),
}
PRECISIONS = ("mixed", "float32")


def pretend(order: str, without: str) -> None:
    """Installs a module ``hpsolver.kernels.building`` whose kernel bodies are the CUDA ones, made fit for the CPU."""
    wp.config.enable_cpu_blocks = True
    spec = importlib.util.spec_from_file_location("hpsolver.kernels.building", ROOT / "kernels" / "building.py")
    building = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = building
    spec.loader.exec_module(building)
    plain, name_of, fragment = building.body, building.module_name, building._fragment

    @functools.cache
    def mutated(name: str) -> str:
        text = fragment(name)
        if without and without.rsplit(":", 1)[0] == name:
            parts = text.split(BARRIER)
            number = int(without.rsplit(":", 1)[1])
            text = BARRIER.join(parts[: number + 1]) + ";" + BARRIER.join(parts[number + 1 :])
        return text

    def body(*names: str, **constants) -> str:
        text = plain(*names, **constants)
        for cuda, cpu in (
            ("defined(__CUDA_ARCH__)", "1"),
            ("#define HP_SHARED __shared__", "#define HP_SHARED static"),
            ("__syncthreads()", "WP_TILE_SYNC()"),
            ("threadIdx.x", LANE[order]),
            ("__device__ __forceinline__", "inline"),
        ):
            text = text.replace(cuda, cpu)
        return text

    tag = f"fibers_{order}"  # also without a barrier: Warp caches what it compiles by the text
    building._fragment, building.body = mutated, body
    building.module_name = lambda *words: name_of(tag, *words)
    made = building.block_kernel
    building.block_kernel = lambda module, *rest, **more: made(f"{module}.{tag}", *rest, **more)


def barriers() -> list[str]:
    """Every barrier of the fragments, in the form that ``WITHOUT`` takes."""
    folder = ROOT / "kernels" / "native"
    return [
        f"{path.relative_to(folder).with_suffix('')}:{k}"
        for path in sorted(folder.glob("*/*.h"))
        for k in range(path.read_text().count(BARRIER))
    ]


def frame(case: dict) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(7)
    shape = case["shape"]
    density = np.where(rng.random(shape) < 0.3, 100.0, 1.0)
    solid = rng.random(shape) < (0.15 if case["solid"] else 0.0)
    return density, rng.standard_normal(shape), solid


FORMS_OF = {
    "multigrid": ("2D", "multigrid"),
    "geometric": ("3D", "multigrid"),
    "dilu": ("all", "dilu"),
    "basis": ("2D", "htp"),
    "tiles": ("2D", "paper's"),
    "windows": ("all", "dd_attention"),
    "nested": ("all", "schwarz nested", "schwarz dense nested"),
    "selection": ("2D solid open", "schwarz 8"),
    "krylov": ("all", "jacobi", "none"),
    "assembly": ("all", "jacobi"),
    "control": ("all", "jacobi"),
    "regions": ("all", "jacobi"),
    "connectivity": ("2D moving", "jacobi", "schwarz"),
    "constants": ("2D moving", "schwarz"),
    "diagonal": ("all", "jacobi"),
    "worlds": ("2D worlds", "jacobi"),
}
"""By folder of fragments: a case and the forms that run them. For other folders: all cases and ``schwarz`` forms."""


def mutate() -> None:
    def lines(order: str, case: str, form: str, *without: str) -> list[str]:
        command = [sys.executable, __file__, order, case, form, *without]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return ["hangs"]
        return [line for line in done.stdout.splitlines() if line.startswith("{")]

    expected = functools.cache(lines)
    for barrier in barriers():
        case, *forms = FORMS_OF.get(barrier.split("/")[0], ("all", "schwarz"))
        runs = ((order, case, form) for order in LANE for form in forms)
        missed = any(lines(*run, barrier) != expected(*run) for run in runs)
        print("missed " if missed else "SURVIVES", barrier, flush=True)


def run(name: str, chosen: str = "") -> None:
    from hpsolver import Solver, preconditioners, solver
    from hpsolver import frame as frame_module
    from hpsolver.system import System

    case = CASES[name]
    density, rhs, solid = frame(case)
    frame_module.Frame.capture = lambda self: None  # eager frames alone
    solver.System = functools.partial(System, slots=3)  # several blocks, as on a GPU
    for form, what, options in FORMS:
        if not form.startswith(chosen):
            continue
        moving, worlds = name.endswith("moving"), WORLDS if name.endswith("worlds") else None
        if (what == "htp_paper" and len(case["shape"]) == 3) or form not in FEW_FORMS.get(name, form):
            continue
        for precision in PRECISIONS if form in ("schwarz dense", "multigrid", "jacobi") else PRECISIONS[:1]:
            made = getattr(preconditioners, what)(**options) if what[0].isupper() else what
            norm = "max" if form.endswith("largest entry") else "l2"
            chosen_options = {"boundary": case["boundary"], "precision": precision, "norm": norm, "device": "cpu"}
            if "growth" in case:
                chosen_options["spacing"] = [growing(n, case["growth"]) for n in case["shape"]]
            one = Solver(case["shape"], preconditioner=made, worlds=worlds, **chosen_options)
            one.preconditioner.doubtful = False
            one.fallback = None
            if moving:  # walls of solid and a pond of air: regions of all kinds
                walls = solid | (np.arange(solid.shape[0]) % 8 == 7).reshape(-1, *[1] * (solid.ndim - 1))
                air = np.zeros_like(solid)
                air[3:6, 11:14] = True
                p = one.step(density, rhs, solid=walls, air=air)
            elif worlds:  # the middle one is looked at
                shift = range(WORLDS)
                p = one.step(*(np.stack([np.roll(part, s, 0) for s in shift]) for part in (density, rhs)))[1]
            else:
                one.system.set_solid(solid)
                one.preconditioner = one.preconditioner.bind(one.system)
                p = one.step(density, rhs)
            info = one.info[1] if worlds else one.info
            line = {"case": name, "form": form, "precision": precision, "iterations": info.iterations}
            line |= {"status": str(info.status), "residual": info.residual, "norm": float(np.linalg.norm(p))}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "mutate":
        mutate()
    else:
        order, names, form, without = (*sys.argv[1:], "", "")[:4]
        if order != "plain":  # the CPU's own form, for comparison
            pretend(order, without)
        for name in CASES if names == "all" else [names]:
            run(name, form)
