"""The kernels that the compile gate compiles for CUDA, and what it asks of them.

The gate is in two files, one for each dimension, since the tests of a file run in one process.
"""

import itertools
import json
import math
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import warp as wp
from hpsolver.kernels import (
    assembly,
    basis,
    building,
    coarse,
    collocated,
    connectivity,
    constants,
    control,
    diagonal,
    dilu,
    fsai,
    geometric,
    gradients,
    iterate,
    krylov,
    leaves,
    lines,
    mending,
    multigrid,
    nested,
    parts,
    projection,
    regions,
    rescue,
    selection,
    spai,
    tiles,
    transformer,
    windows,
    worlds,
)

from hpsolver.bricks import EXTENTS
from hpsolver.preconditioners.coarse_space import loose_functions
from hpsolver.preconditioners.htp_paper import HTPaper
from hpsolver.preconditioners.spai import CHANNELS
from hpsolver.stopwatch import set_mark

ARCHITECTURES = [75, 90, 120]
"""All kernels are compiled for the oldest, those of the default solver for every one."""
SHARED_LIMIT = 48 * 1024
HALFWIDTH = {2: 8, 3: 16}
SPAI_LAYERS = 4  # of the shipped weights
TILE_RANK = 32
WINDOW_RANK = 32

for _dtype in (wp.float32, wp.float64):
    for _kernel in (projection.add_divergence, projection.subtract_gradient):
        wp.overload(_kernel, {"velocity": wp.array3d(dtype=_dtype)})
    for _kernel in (collocated.to_faces, collocated.add_change):
        wp.overload(_kernel, {"cells": wp.array3d(dtype=_dtype)})
    wp.overload(projection.close, {name: wp.array3d(dtype=_dtype) for name in ("fraction", "walls", "velocity")})
    wp.overload(gradients.add, {name: wp.array(dtype=_dtype) for name in ("part", "total")})

FIXED = [
    assembly.to_float,
    assembly.wrap_shares,
    basis.plan,
    coarse.choose_pins,
    coarse.exchange,
    coarse.factor_band,
    collocated.to_faces,
    control.step,
    iterate.keep_best,
    mending.mend,
    projection.subtract_gradient,
    regions.chunk_sums,
    rescue.choose,
    set_mark,
    worlds.begin,
    worlds.enter,
]
"""One kernel of each module whose kernels are not made for a configuration; Warp compiles whole modules."""


def kernels_of(group) -> list[wp.Kernel]:
    made = [group] if isinstance(group, wp.Kernel) else vars(group).values()
    return [value for value in made if isinstance(value, wp.Kernel)]


def configured(dimension: int, T: type, M: type) -> list[wp.Kernel]:
    """Kernels that a GPU uses for one dimension and precision: dense leaves of 128 cells, the default's 4 of 8
    functions. With double-precision Krylov vectors also 8 of 16 and of 24, 16 functions, bricks with 32 (for torn
    fluid), and in 2D the default's leaves of 64 on small grids."""
    shape, BW, W, R = building.Shape(dimension, EXTENTS[dimension, 128]), HALFWIDTH[dimension], 1, 8
    groups = [
        *engine(shape, T),
        dilu.red_black(shape, T, M),
        fsai.products(T, M),
        *black_box(shape, T, M),
        spai.network(shape, CHANNELS, SPAI_LAYERS, M),
        spai.application(shape, T, M),
        tiles.tiling(shape, T, wp.float32, TILE_RANK),
    ]
    if dimension == 3:
        groups += seven_points(shape, T, M)
    if T is wp.float64:
        groups += [tiles.tiling(shape, T, storage, TILE_RANK) for storage in HTPaper.STORAGE.values()]
        groups += published_network(shape)
        groups += [basis.network(shape, basis.Size(64, 4, 1, functions), wp.float16) for functions in (7, 15)]
    singles = [diagonal.reciprocal(T), fsai.fill(shape)]
    if dimension == 2:
        groups += [lines.lines(shape, T, axis) for axis in (0, 1)]
        singles.append(lines.remainder(shape, T))
    if T is wp.float64:
        groups += [connectivity.connectivity(shape), connectivity.means(shape), constants.enclosed(shape)]
        singles += [constants.leaf_constants(shape, 4), constants.brick_constants(dimension, 4, 16)]
        for harmonic in (True, False):
            singles.append(assembly.assembly(shape, harmonic))
            singles += [gradients.by_density(shape, harmonic, shares) for shares in (False, True)]
    forms = {leaves.PUSH: False, leaves.RESTRICT: True, leaves.CYCLE: False}
    spaces = [(shape, 4, forms)]
    if T is wp.float64:
        spaces += [(shape, R, (leaves.PUSH, leaves.CYCLE)), (shape, 2 * R, (leaves.PUSH, leaves.CYCLE))]
        groups += [selection.selection(shape, M, 3 * R, R), *candidates(shape, BW, W, M, 3 * R)]
        if dimension == 2:
            small = building.Shape(2, EXTENTS[2, 64])
            groups += engine(small, T)
            singles.append(assembly.assembly(small, True))
            groups += [lines.lines(small, T, axis) for axis in (0, 1)]
            spaces += [(small, 4, (leaves.PUSH, leaves.CYCLE)), (small, R, (leaves.PUSH,))]
            singles.append(lines.remainder(small, T))
            for functions in (4, R):
                groups.append(selection.selection(small, M, 2 * functions, functions))
                groups += candidates(small, BW, W, M, 2 * functions)
    for leaf, functions, modes in spaces:
        singles += [leaves.changes(leaf), leaves.roots(leaf, BW, M)]
        groups.append(coarse.transfer(leaf, T, M, functions))
        for mode in modes:
            groups.append(coarse.functions(leaf, BW, W, M, functions, 0))
            groups.append(coarse.galerkin(leaf, M, functions, forms[mode], mode == leaves.CYCLE, True))
            groups.append(coarse.exact_solution(dimension, functions, not forms[mode], forms[mode]))
            singles.append(leaves.sweeping(leaf, BW, 1, T, M, M, functions, mode, True))
        if leaf is shape and functions <= R:
            groups.append(selection.selection(leaf, M, 2 * functions, functions))
            groups += candidates(leaf, BW, W, M, 2 * functions)
    halfwidths = {2: {4: 19, 8: 39, 16: 47}, 3: {4: 35, 8: 39, 16: 79}}[dimension]
    for functions, halfwidth in halfwidths.items():  # 16 functions: those of bricks
        groups.append(coarse.exact_solution(dimension, functions, True, False))
        groups += [nested.nesting(dimension, halfwidth, W, M, functions, 16, True, mass) for mass in (False, True)]
        if functions == 16 and T is wp.float64:
            groups.append(nested.nesting(dimension, halfwidth, W, M, functions, 32, True, False))
        singles.append(coarse.dense_rows(dimension, functions))
    singles.append(leaves.sweeping(shape, BW, 1, T, M, M, 1, leaves.NO_COARSE, True))
    for overlap in (1, 2):
        box, halfwidth = windowed(shape, overlap)
        groups.append(windows.factorization(box, shape.leaf_size, halfwidth, W, M))
        singles.append(windows.solving(box, halfwidth, 1, T, M, 0, True))
    singles += [windows.solving(box, halfwidth, 1, T, M, WINDOW_RANK, False), windows.merging(shape, T, True)]
    singles.append(windows.merging(shape, T, False))
    return [*itertools.chain.from_iterable(map(kernels_of, groups)), *singles]


def published_network(shape: building.Shape) -> list:
    """Kernels of the published transformer at its published width, which takes the most shared memory."""
    if shape.dimension == 3:  # there are no weights
        return []
    size = transformer.Size(128, 3, 8, shape.leaf_size, TILE_RANK, True, 2)
    groups = [transformer.operator(shape), transformer.attention(shape, size), transformer.exchange(shape, size)]
    return [
        *groups,
        transformer.layers(size),
        *(transformer.factors(shape, S, TILE_RANK) for S in (wp.float32, wp.float16)),
    ]


def candidates(leaf: building.Shape, halfwidth: int, W: int, M: type, C: int) -> list:
    """Kernels that make C functions of a leaf to choose from."""
    loose = loose_functions(leaf.dimension, 0, C, False)
    return [coarse.functions(leaf, halfwidth, W, M, C, loose), coarse.galerkin(leaf, M, C, False, True, False)]


def engine(shape: building.Shape, T: type) -> list:
    """Kernels that every preconditioner needs on leaves of this shape."""
    return [krylov.krylov(shape, T), assembly.staging(shape, T)]


def black_box(shape: building.Shape, T: type, M: type) -> list:
    """Kernels of the cycle with operators of 9 or 27 points, the default in 2D."""
    of_levels = (multigrid.setup_rest, multigrid.phase, multigrid.rest, multigrid.passes)
    return [multigrid.fine(shape, M), multigrid.copies(shape, T, M), *(made(shape.dimension, M) for made in of_levels)]


def seven_points(shape: building.Shape, T: type, M: type) -> list:
    """Kernels of the default cycle in 3D."""
    levels = [geometric.coarsen(shape, M), geometric.step(shape, M, 1)]
    return [geometric.setup(shape, M), geometric.cycle(shape, T, M, 1), *levels]


def variants(dimension: int) -> list[wp.Kernel]:
    """Kernels that differ from those of ``configured`` in one type, or in code that a constant leaves out."""
    shape = building.Shape(dimension, EXTENTS[dimension, 128])
    surfaces = [assembly.assembly(shape, harmonic, True, True) for harmonic in (True, False)]
    if dimension == 3:
        surfaces += kernels_of(geometric.setup(shape, wp.float32, True))
        surfaces.append(geometric.coarsen(shape, wp.float32, True))
        twice = geometric.cycle(shape, wp.float64, wp.float32, 2).coarse, geometric.step(shape, wp.float32, 2)
        surfaces += twice
    else:
        longest = building.Shape(2, (1, 128, 1))  # leaves of flat cells: a face has as many cells as the leaf
        groups = candidates(longest, 1, 1, wp.float32, 8)
        surfaces += [kernel for group in groups for kernel in kernels_of(group)]
        surfaces += [leaves.changes(longest), leaves.roots(longest, 1, wp.float32)]
        surfaces.append(leaves.sweeping(longest, 1, 1, wp.float64, wp.float32, wp.float32, 4, leaves.PUSH, True))
    banded = [leaves.factorization(shape, HALFWIDTH[dimension], leaves.GROUP_CUDA)]  # dense=False
    banded.append(coarse.functions(shape, HALFWIDTH[dimension], leaves.GROUP_CUDA, wp.float32, 8, 4))
    box, halfwidth = windowed(shape, 1)
    banded.append(windows.factorization(box, shape.leaf_size, halfwidth, leaves.GROUP_CUDA, wp.float32))
    surfaces += [coarse.band_rows(dimension, 4), *itertools.chain.from_iterable(map(kernels_of, banded))]
    if dimension == 2:  # over many worlds, or a rank's part, the bodies are the same: some are enough
        once = [*itertools.chain.from_iterable(map(kernels_of, engine(shape, wp.float64))), control.step]
        surfaces += map(worlds.over_worlds, once)
        surfaces += [*map(parts.over_part, kernels_of(krylov.krylov(shape, wp.float64))), parts.own_of]
    single = configured(2, wp.float32, wp.float32) if dimension == 2 else of_the_default(3, wp.float32)
    return surfaces + single


def gated_kernels(dimension: int) -> list[wp.Kernel]:
    """Mixed precision in full, and single precision in 2D; other precisions share these kernels or differ in one type.
    ``FIXED`` goes with 2D."""
    everything = configured(dimension, wp.float64, wp.float32) + variants(dimension)
    return (FIXED if dimension == 2 else []) + everything


def of_the_default(dimension: int, T: type = wp.float64) -> list[wp.Kernel]:
    """Kernels that a default solver runs on a GPU; they are compiled for every architecture."""
    shape, M = building.Shape(dimension, EXTENTS[dimension, 128]), wp.float32
    default = black_box if dimension == 2 else seven_points
    groups = [*engine(shape, T), *default(shape, T, M)]
    groups += [connectivity.connectivity(shape), connectivity.means(shape)]
    both = [assembly.assembly(shape, True), *(FIXED if dimension == 2 else [])]
    return [*itertools.chain.from_iterable(map(kernels_of, groups)), *both]


def windowed(shape: building.Shape, overlap: int) -> tuple[building.Shape, int]:
    """The box of a leaf with layers around it, and its half-bandwidth."""
    extent = tuple(e + 2 * overlap * (axis >= 3 - shape.dimension) for axis, e in enumerate(shape.extent))
    return building.Shape(shape.dimension, extent), math.prod(extent) // extent[3 - shape.dimension]


def compile_all(dimension: int, folder: Path) -> list[Path]:
    """Compiles the kernels by Warp's own compiler; returns the files that a GPU would load."""
    modules = {kernel.module.name: kernel.module for kernel in gated_kernels(dimension)}
    many = {kernel.module.name for kernel in of_the_default(dimension)}
    files = []
    for name, module in modules.items():
        target, arch = folder / name, ARCHITECTURES if name in many else ARCHITECTURES[:1]
        files += wp.compile_aot_module(module, device=None, arch=arch, module_dir=target, use_ptx=False)
    return [Path(file) for file in files]


def check_all_are_there(dimension: int, artifacts: list[Path]) -> None:
    cubins = [file for file in artifacts if file.suffix == ".cubin"]
    modules = {kernel.module.name for kernel in gated_kernels(dimension)}
    many = {kernel.module.name for kernel in of_the_default(dimension)}
    assert len(cubins) == len(ARCHITECTURES) * len(many) + len(modules - many)


def check_resources(artifacts: list[Path]) -> None:
    """No spilled register, no local array, not too much shared memory."""
    tool = Path(sysconfig.get_paths()["purelib"]) / "nvidia/cu13/bin/cuobjdump"
    if not tool.exists():
        pytest.skip("cuobjdump is not installed (pip package nvidia-cuda-cuobjdump): resource usage cannot be read")
    for cubin in (file for file in artifacts if file.suffix == ".cubin"):
        report = subprocess.run(
            [tool, "--dump-resource-usage", cubin], capture_output=True, text=True, check=True
        ).stdout
        usage = re.findall(r"Function (\S+):\s+REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", report)
        assert usage, f"{cubin.name}: no kernel found in\n{report}"
        for name, registers, stack, shared, local in usage:
            where = f"{cubin.name}: {name}"
            assert int(registers) <= 255, where
            assert int(stack) == 0, f"{where} uses {stack} bytes of stack: spilled, or a local array"
            assert int(local) == 0, f"{where} spills {local} bytes"
            assert int(shared) <= SHARED_LIMIT, f"{where} uses {shared} bytes of shared memory"
        for meta in cubin.parent.glob("*.meta"):
            for name, size in json.loads(meta.read_text()).items():
                assert not name.endswith("_smem_bytes") or size <= SHARED_LIMIT, f"{meta.name}: {name} = {size}"
