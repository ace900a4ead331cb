"""Every 2D kernel compiles for CUDA, with no GPU and no driver, without spilling registers or using too much memory."""

import numpy as np
import pytest
import warp as wp
from gate import FIXED, check_all_are_there, check_resources, compile_all, gated_kernels
from stretched_axes import growing

from hpsolver import Solver, problems
from hpsolver.preconditioners import NAMES, DDAttention, Multigrid, Schwarz

pytestmark = pytest.mark.cpu


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return compile_all(2, tmp_path_factory.mktemp("cubins"))


def test_every_kernel_compiles_for_every_architecture(artifacts):
    check_all_are_there(2, artifacts)


def test_no_kernel_spills_registers_or_exceeds_shared_memory(artifacts):
    check_resources(artifacts)


CPU_ONLY = {"substitute", "list_leaves"}
"""The banded coarse solve, which a GPU replaces by ``multiply``; and lists of changed leaves for vectors of leaves."""
ELSEWHERE = {"program"}
"""Loops as one kernel have a gate of their own (``test_compile_gate_loops``)."""


def test_no_kernel_of_the_solver_is_left_out_of_the_gate(monkeypatch):
    """Every kernel that a frame launches on the CPU is in the gate, by name, or is known to be the CPU's alone.

    Warp's own kernels are left out: those of ``warp.optim.linear.FSAI`` and of ``warp.sparse``.
    """
    launched = set()

    def spied(launch):
        def call(kernel, *args, **kwargs):
            if not kernel.func.__module__.startswith("warp."):
                launched.add(kernel.key)
            return launch(kernel, *args, **kwargs)

        return call

    monkeypatch.setattr(wp, "launch", spied(wp.launch))
    monkeypatch.setattr(wp, "launch_tiled", spied(wp.launch_tiled))
    variants = [*NAMES, Multigrid(100), Schwarz(sweep="additive", dense=True), Schwarz(dense=True)]
    variants += [Schwarz(candidates=8), DDAttention(dense=True), DDAttention(rank=8)]
    density, rhs = problems.frame("panel", (32, 16), seed=0)
    for preconditioner in variants:
        solver = Solver((32, 16), preconditioner=preconditioner, device="cpu")
        solver.step(density, rhs)
        if solver.preconditioner.moves:
            shares = (np.ones((33, 16)), np.ones((32, 17)))
            solver.step(density, rhs, solid=np.zeros((32, 16), bool), fraction=shares)
    Solver((32, 16), spacing=(growing(32, 1.4), 1.0), preconditioner="schwarz", device="cpu").step(density, rhs)
    Solver((32, 16), worlds=400, device="cpu").step(*(np.stack([part] * 400) for part in (density, rhs)))
    gated = {kernel.key for dimension in (2, 3) for kernel in gated_kernels(dimension)}
    gated |= {key for kernel in FIXED for key in kernel.module.kernels}
    assert launched - gated - CPU_ONLY - ELSEWHERE == set()
