"""Frames with the CUDA form of every native body, on the CPU: 256 lanes a block, as fibers that switch at barriers.

Where the loop is one kernel (``hpsolver.programs``), the fibers are the lanes of all its blocks.

A program of its own, since it changes what is compiled:

    python tests/fibers.py ORDER CASE [FORM [WITHOUT]]

Fibers run one after the other from barrier to barrier. ``ORDER`` is ``up`` or ``down``, how lanes, and blocks, are
numbered on the fibers: where a barrier is missing, one order catches a lane that reads what a higher lane wrote, and
the other what a lower lane wrote; ``plain`` is the CPU's own form, for comparison. ``CASE`` is a name of
``fiber_frames.CASES``, or ``all``; ``FORM`` is the beginning of a name of ``FORMS`` there. ``WITHOUT`` takes a barrier
out: ``coarse/galerkin:3`` is the fourth of that fragment, ``program 0:3`` the one behind step 3 of the first loop in
one kernel. Prints a line of JSON for each case and preconditioner: iterations, status, residual, and the
2-norms of the pressure and of gradients.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import re
import sys
from pathlib import Path

import warp as wp
from fiber_barriers import BARRIER
from fiber_frames import BLOCKS, CASES, run

ROOT = Path(__file__).parent.parent
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
    programs.PLACE = [*place, "_barrier()"]  # for the blocks to fall behind each other from the beginning
    numbers = itertools.count()

    def write_kernel(name: str, module: str, arguments: list, lines: list, scope: dict, cluster_dim: int) -> wp.Kernel:
        kind, _, number = without.rpartition(":")
        if kind == f"program {next(numbers)}":
            row = programs.COLUMNS * int(number)
            lines = [line.replace("_operation >= 0", f"_operation >= 0 and _row != {row}") for line in lines]
        return written(name, f"{module}.{tag}", arguments, lines, scope, cluster_dim)

    programs.write_kernel = write_kernel


if __name__ == "__main__":
    order, names, form, without = (*sys.argv[1:], "", "")[:4]
    if order != "plain":
        pretend(order, without)
    for name in CASES if names == "all" else [names]:
        run(name, form)
