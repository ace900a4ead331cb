"""Loops that are one kernel on a GPU compile for one cluster of 16 blocks, within its registers and shared memory.

All are compiled for sm_90, and the first for sm_120 too; with one block, for GPUs without clusters, for sm_75.
"""

import functools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import warp as wp
from gate import check_resources

from hpsolver import Solver, programs, solver
from hpsolver.preconditioners import Multigrid, Schwarz
from hpsolver.preconditioners.multigrid import BLOCK_CELLS
from hpsolver.spreading import noted_with_loops
from hpsolver.system import System

pytestmark = pytest.mark.cpu

CASES = {
    "jacobi": (16, [90, 120], lambda: Solver((128, 128), preconditioner="jacobi")),
    "jacobi, one block": (1, [75], lambda: Solver((32, 32), preconditioner="jacobi")),
    "multigrid": (16, [90], lambda: Solver((128, 128), preconditioner=Multigrid(BLOCK_CELLS))),
    "multigrid, one block": (1, [75], lambda: Solver((32, 32), preconditioner=Multigrid(BLOCK_CELLS))),
    "multigrid 3D": (16, [90], lambda: Solver((32, 16, 16), preconditioner=Multigrid(BLOCK_CELLS, sweeps=1))),
    "schwarz": (16, [90], lambda: Solver((64, 32), preconditioner=Schwarz(dense=True))),
    "schwarz 3D": (16, [90], lambda: Solver((16, 16, 16), preconditioner=Schwarz(dense=True))),
}
"""Blocks, architectures, and a solver whose loops are looked at."""
ONLY_SOLVE = {"jacobi", "schwarz"}


def loops_of(make: Callable[[], Solver], blocks: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, wp.Kernel]:
    """The loops of a solver, by part of a frame, as a GPU would write them."""
    monkeypatch.setattr(programs, "blocks_for", lambda repeat, *_: blocks if programs.pays(repeat, blocks) else 0)
    monkeypatch.setattr(solver, "System", functools.partial(System, slots=blocks))
    one = make()
    noted_with_loops(one._frame._begin_and_finish)
    known = one._pcg._programs._known
    return {part: loop.kernel for (owner, part), loop in known.items() if loop and owner is one.preconditioner}


def test_multigrid_of_27_points_keeps_its_loops(monkeypatch):
    assert (
        loops_of(lambda: Solver((16, 16, 16), spacing=(1, 1, 4), preconditioner=Multigrid(64)), 16, monkeypatch) == {}
    )


@pytest.mark.parametrize("case", CASES)
def test_loops_compile_and_fit(case, tmp_path, monkeypatch):
    blocks, architectures, make = CASES[case]
    loops, files = loops_of(make, blocks, monkeypatch), []
    parts = {"solve"} if case.split()[0].strip(",") in ONLY_SOLVE else {"update", "solve"}
    assert set(loops) == parts
    for part, kernel in loops.items():
        target = tmp_path / part
        files += wp.compile_aot_module(kernel.module, device=None, arch=architectures, module_dir=target, use_ptx=False)
    cubins = [Path(file) for file in files if Path(file).suffix == ".cubin"]
    assert len(cubins) == len(loops) * len(architectures)
    check_resources(cubins)


def test_nothing_that_a_loop_writes_is_read_through_the_cache_of_constants(tmp_path, monkeypatch):
    """Such a load (``ld.global.nc``) may give what was there before a barrier. One barrier is behind all phases."""
    blocks, _, make = CASES["jacobi"]
    kernel = loops_of(make, blocks, monkeypatch)["solve"]
    files = wp.compile_aot_module(kernel.module, device=None, arch=[90], module_dir=tmp_path, use_ptx=True)
    (text,) = (Path(file).read_text() for file in files if Path(file).suffix == ".ptx")
    assert len(re.findall(r"ld\.global", text)) > 50
    assert not re.findall(r"ld\.global\S*\.nc", text)
    assert len(re.findall(r"barrier\.cluster\.wait\.acquire", text)) == 1
