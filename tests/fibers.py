"""Frames with the CUDA form of every native body, on the CPU: 256 lanes a block, as fibers that switch at barriers.

Where the loop is one kernel (``hpsolver.programs``), the fibers are the lanes of all its blocks.

A program of its own, since it changes what is compiled:

    python tests/fibers.py ORDER CASE [FORM [WITHOUT]]
    python tests/fibers.py mutate

Fibers run one after the other from barrier to barrier. ``ORDER`` is ``up`` or ``down``, how lanes, and blocks, are
numbered on the fibers: where a barrier is missing, one order catches a lane that reads what a higher lane wrote, and
the other what a lower lane wrote. ``CASE`` is a name of ``CASES``, or ``all``; ``FORM`` is the beginning of a name of
``FORMS``. ``WITHOUT`` takes a barrier out: ``coarse/galerkin:3`` is the fourth of that fragment, ``program 0:3`` the
one after the fourth phase of the first loop in one kernel. Prints a line of JSON for each case and preconditioner:
iterations, status, residual, and the 2-norms of the pressure and of gradients. ``mutate`` takes out every barrier in
turn, and says whether any of these lines changes.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import warp as wp
from stretched_axes import growing

ROOT = Path(__file__).parent.parent
BLOCKS = 3
LANE = {"up": "(WP_TILE_THREAD_IDX % 256)", "down": "(255 - WP_TILE_THREAD_IDX % 256)"}
BLOCK = {"up": "_thread // 256", "down": f"{BLOCKS - 1} - _thread // 256"}


def counting_barrier(group: str, lanes: int) -> str:
    """C++ in which the fibers of a group wait for each other, and leave in the same round."""
    return f"""
static int arrived[{BLOCKS}], last_round[{BLOCKS}], passed[{BLOCKS} * 256];
const int group = {group}, turn = ++passed[WP_TILE_THREAD_IDX];
++arrived[group];
while (arrived[group] < turn * {lanes}) WP_TILE_SYNC();
if (last_round[group] < turn) {{
    WP_TILE_SYNC();
    last_round[group] = turn;
}}
"""


CLUSTER_BARRIER = (
    counting_barrier("0", BLOCKS * 256) + "for (int k = 0; k < 32 * (WP_TILE_THREAD_IDX / 256); ++k) WP_TILE_SYNC();\n"
)
"""Fibers go from barrier to barrier in rounds, and those of a block must leave this one in the same round. Some see in
the round of the last arrival that all are here, the others in the next round. The first of these rounds ends with one
who saw it, and who begins the next: so who finds ``last_round`` set is in that next round, where all leave. Then each
block falls behind the one before: it is still at a phase when others, without a barrier, would be at the next."""
WARP_BARRIER = "for (int k = 0; k <= WP_TILE_THREAD_IDX / 32 % 2; ++k) WP_TILE_SYNC()"
"""A warp need not wait for others: with each of these every second warp falls another round behind."""
BLOCK_BARRIER = "({" + counting_barrier("WP_TILE_THREAD_IDX / 256", 256).replace("\n", " ") + "})"
"""Where there are such, fibers do not come to the block's barriers in one round; they leave it in one, as above."""
SHUFFLES = (
    "for (int half = WARP / 2; half > 0; half /= 2) value = op(value, __shfl_down_sync(0xffffffffu, value, half));"
)
WARP_REDUCE = """
HP_SHARED double in_warp[LANES];
in_warp[lane] = value;
WP_TILE_SYNC();
if (lane % WARP == 0)
    for (int half = WARP / 2; half > 0; half /= 2)
        for (int i = lane; i < lane + half; ++i) in_warp[i] = op(in_warp[i], in_warp[i + half]);
value = in_warp[lane];
"""
"""What the shuffles of a warp compute, for its first lane, which alone uses it."""
BARRIER = re.compile(r"HP_(?:WARP_)?SYNC;")
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


def pretend(order: str, without: str) -> None:
    """Installs a module ``hpsolver.kernels.building`` whose kernel bodies are the CUDA ones, made fit for the CPU."""
    wp.config.enable_cpu_blocks = True
    wp.config.optimization_level = 0  # these kernels are compiled for a frame or two
    spec = importlib.util.spec_from_file_location("hpsolver.kernels.building", ROOT / "kernels" / "building.py")
    building = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = building
    spec.loader.exec_module(building)
    launch = building.launch
    plain, name_of, fragment = building.body, building.module_name, building._fragment

    @functools.cache
    def mutated(name: str) -> str:
        text = CLUSTER_BARRIER if name == "programs/cluster_barrier" else fragment(name)
        if without and without.rsplit(":", 1)[0] == name:
            place = list(BARRIER.finditer(text))[int(without.rsplit(":", 1)[1])]
            text = text[: place.start()] + ";" + text[place.end() :]
        return text

    def body(*names: str, **constants) -> str:
        text = plain(*names, **constants)
        warps = any("HP_WARP_SYNC" in fragment(name) for name in names)
        for cuda, cpu in (
            (SHUFFLES, WARP_REDUCE),
            ("defined(__CUDA_ARCH__)", "1"),
            ("__syncthreads()", BLOCK_BARRIER if warps else "WP_TILE_SYNC()"),
            ("__syncwarp()", WARP_BARRIER),
            ("threadIdx.x", LANE[order]),
            ("__device__ __forceinline__", "inline"),
        ):
            text = text.replace(cuda, cpu)
        return re.sub(r"HP_SHARED (\w+) (\w+\[[^;\n]*);", shared, text)

    def shared(found: re.Match) -> str:
        """A static array for each block, and the block's own by the name it had."""
        kind, names = found[1], re.findall(r"(\w+)((?:\[[^\[\]]*\])+)", found[2])
        own = "WP_TILE_THREAD_IDX / 256"
        return " ".join(f"static {kind} {n}_of[{BLOCKS}]{size}; auto& {n} = {n}_of[{own}];" for n, size in names)

    def launch_all_blocks(kernel: wp.Kernel, blocks: int, inputs: list, device: wp.Device) -> None:
        if kernel.key == "program":
            wp.launch_tiled(kernel, dim=[1], inputs=inputs, block_dim=BLOCKS * 256, device=device)
        else:
            launch(kernel, blocks, inputs, device)

    tag = f"fibers_{order}"  # also without a barrier: Warp caches what it compiles by the text
    building._fragment, building.body, building.launch = mutated, body, launch_all_blocks
    building.module_name = lambda *words: name_of(tag, *words)
    made = building.block_kernel
    building.block_kernel = lambda module, *rest, **more: made(f"{module}.{tag}", *rest, **more)

    from hpsolver.kernels import programs

    written = programs.write_kernel
    place = ["_none, _thread = wp.tid()", f"_block = {BLOCK[order]}", "_lane = _thread % 256", "_lanes = 256"]
    programs.PLACE = [*place, "_cluster_barrier()"]  # for the blocks to fall behind each other from the beginning
    numbers = itertools.count()

    def write_kernel(name: str, module: str, arguments: list, lines: list, scope: dict, cluster_dim: int) -> wp.Kernel:
        kind, _, number = without.rpartition(":")
        if kind == f"program {next(numbers)}":
            places = [place for place, line in enumerate(lines) if "_cluster_barrier" in line]
            lines = [line for place, line in enumerate(lines) if place != places[int(number) + 1]]
        return written(name, f"{module}.{tag}", arguments, lines, scope, cluster_dim)

    programs.write_kernel = write_kernel


def barriers() -> list[str]:
    """Every barrier of the fragments, in the form that ``WITHOUT`` takes."""
    folder = ROOT / "kernels" / "native"
    return [
        f"{path.relative_to(folder).with_suffix('')}:{k}"
        for path in sorted(folder.glob("*/*.h"))
        for k in range(len(BARRIER.findall(path.read_text())))
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
    "transformer": ("2D", "paper's"),
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


def gradient(solver, density: np.ndarray) -> float:
    """2-norm of dL/d(density) after a step, for dL/d(pressure) = cos(0), cos(1), .."""
    adjoint = solver.adjoint
    kept = adjoint.keep()
    adjoint.solve(kept, density, np.cos(np.arange(density.size)).reshape(density.shape), "numpy")
    return float(np.linalg.norm(adjoint.density_gradient(kept, "numpy").numpy()))


def run(name: str, chosen: str = "") -> None:
    from hpsolver import Solver, preconditioners, programs, solver
    from hpsolver import frame as frame_module
    from hpsolver.system import System

    case = CASES[name]
    density, rhs, solid = frame(case)
    frame_module.Frame.capture = lambda self: functools.partial(self.record, wp.capture_while)  # eager frames alone
    one_kernel = False
    programs.blocks_for = lambda repeat, system, worlds: BLOCKS if one_kernel else 0
    solver.System = functools.partial(System, slots=3)  # several blocks, as on a GPU
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


if __name__ == "__main__":
    if sys.argv[1] == "mutate":
        mutate()
    else:
        order, names, form, without = (*sys.argv[1:], "", "")[:4]
        if order != "plain":  # the CPU's own form, for comparison
            pretend(order, without)
        for name in CASES if names == "all" else [names]:
            run(name, form)
